// connectors/redactor.h: what hides a connector's secrets in texts of its provider: errors, and answers that repeat a
// request. A secret is hidden as it is and as it stands in JSON; one cut into parts, or encoded in another way, is not
// found. Immutable; any thread. Cost: one search of the text for each form of each secret, nothing more when none is
// there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connectors/connector.h"

namespace mlnode::connectors {

// Of a provider's text in an error.
inline constexpr std::size_t kMaxShownReply = 10'000;

class Redactor {
 public:
  // Shorter ones would blot out ordinary text, so they are not hidden.
  static constexpr std::size_t kMinHiddenBytes = 6;

  Redactor() = default;
  explicit Redactor(const Secrets& secrets);

  // With "***" for each secret, and for secrets that overlap.
  std::string Hidden(std::string_view text) const;
  // The same for the body of a success, in place. A secret of digits only stays: it would be taken out of numbers.
  void HideInAnswer(std::string& body) const;
  // For an error or a log: hidden, UTF-8, of at most kMaxShownReply bytes and "...". No beginning of a secret is left
  // at the end.
  std::string Shown(std::string_view text) const;

 private:
  static std::string Hide(std::string_view text, const std::vector<std::string>& forms);

  std::vector<std::string> forms_;         // the longest first
  std::vector<std::string> answer_forms_;  // those that are not digits only
};

}  // namespace mlnode::connectors
