# cmake -DINPUT=file -DOUTPUT=file.cc -DHEADER=room/name.h -DFUNCTION=Name -P EmbedText.cmake
# Writes a source whose function returns the text of INPUT. Not #embed: ccache 4.7 does not see the embedded file and would keep an old one.
file(READ ${INPUT} text)
file(WRITE ${OUTPUT} "#include \"${HEADER}\"

namespace mlnode::rest {

std::string_view ${FUNCTION}() {
  static constexpr char kText[] = R\"embedded(${text})embedded\";
  return {kText, sizeof(kText) - 1};
}

}  // namespace mlnode::rest
")
