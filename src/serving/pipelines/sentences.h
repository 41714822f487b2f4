// serving/pipelines/sentences.h: a text's sentences by the peer's rules (spec/predict-local §11.2), as parts of the
// text as it is. Pure function; O(bytes).
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace mlnode::serving {

// Bytes [begin, end) of the text, without white space around; never empty. The same place in UTF-16 units, which is
// what clients of the peer count.
struct Sentence {
  std::size_t begin = 0, end = 0;
  std::size_t utf16_begin = 0, utf16_end = 0;
};

// A sentence ends before white space that follows one of . ! ? (or one of them and a quotation mark), but not
// - behind Mr. Mrs. Ms. Dr. Prof. Sr. Jr. Ltd. Co. Inc. i.e. e.g. etc. vs. fig., where they begin a word;
// - where a letter, a full stop and a letter come before ("a.m."; with a capital: "UK.S." too);
// - behind a full stop after a letter and a capital ("JK."; a single initial ends a sentence).
// Letters here are ASCII letters, digits and "_". `text`: UTF-8.
std::vector<Sentence> SplitSentences(std::string_view text);

// The sentence of each word, words being what white space divides. As with the peer, whose models were made for it,
// words are taken to stand one UTF-16 unit apart; one that so lies in no sentence has sentence 0.
std::vector<std::size_t> SentencesOfWords(std::string_view text, const std::vector<Sentence>& sentences);

}  // namespace mlnode::serving
