# add_engine_plugin(name SOURCES file... LIBS target... FILES file... TEST file)
#
# The shared object lib/libmlnode_engine_<name>.so (src/engines/engine_abi.h) and its test. FILES are what it needs at run time;
# they are put beside it, so that {bin,lib} can be moved and installed as it is.
function(add_engine_plugin name)
  cmake_parse_arguments(P "" "TEST" "SOURCES;LIBS;FILES" ${ARGN})
  set(target mlnode_engine_${name})
  add_library(${target} MODULE ${P_SOURCES})
  target_link_libraries(${target} PRIVATE mlnode_engines ${P_LIBS} mlnode_flags)
  target_link_options(${target} PRIVATE LINKER:--as-needed LINKER:--exclude-libs,ALL)
  set_target_properties(${target} PROPERTIES BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN")

  set(beside)
  foreach(file ${P_FILES})
    get_filename_component(file_name ${file} NAME)
    set(copy ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/${file_name})
    # A hard link where the file system allows one: libtorch alone is 450 MB a preset.
    add_custom_command(OUTPUT ${copy} COMMAND sh -c "ln -fL '${file}' '${copy}' 2>/dev/null || cp -fL '${file}' '${copy}'"
      DEPENDS ${file} VERBATIM)
    list(APPEND beside ${copy})
  endforeach()
  add_custom_target(mlnode_${name}_files DEPENDS ${beside})
  add_dependencies(${target} mlnode_${name}_files)
  install(TARGETS ${target} LIBRARY DESTINATION lib)
  install(PROGRAMS ${beside} DESTINATION lib)

  add_executable(${name}_test ${P_TEST})
  target_link_libraries(${name}_test PRIVATE mlnode_engines mlnode_core_testing GTest::gmock_main mlnode_flags)
  target_compile_definitions(${name}_test PRIVATE
    MLNODE_PLUGIN_FOLDER="${CMAKE_LIBRARY_OUTPUT_DIRECTORY}" MLNODE_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
  add_dependencies(${name}_test ${target})
  gtest_discover_tests(${name}_test NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 PROPERTIES LABELS vendor TIMEOUT 120)
endfunction()

# The version of the file that deps.lock names in a section, as `variable`.
function(deps_lock_version section variable)
  file(READ ${CMAKE_SOURCE_DIR}/deps.lock lock)
  string(REPLACE "." "\\." pattern "[${section}]")
  string(REGEX REPLACE "\\[|\\]" "\\\\\\0" pattern "${pattern}")
  if(NOT lock MATCHES "${pattern}\nversion = \"([^\"]+)\"")
    message(FATAL_ERROR "deps.lock has no version in section ${section}")
  endif()
  set(${variable} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()
