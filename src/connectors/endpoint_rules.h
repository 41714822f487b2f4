// connectors/endpoint_rules.h: where a connector may lead (spec/remote §4): trusted patterns over the whole URL, and
// which addresses its host may have. Immutable; made anew when a setting changes. RE2: linear time whatever the
// pattern. Threads: any.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "core/result.h"
#include "net/http_client.h"

namespace mlnode::connectors {

class EndpointRules {
 public:
  // Patterns were checked when the setting was set; one that RE2 cannot read matches nothing and is logged.
  static std::shared_ptr<const EndpointRules> Make(const config::Snapshot& settings);
  virtual ~EndpointRules() = default;
  // kInvalidArgument in the peer's words: not trusted, no pattern configured, scheme, port, not a URL, user info in it.
  // Does not resolve names.
  virtual Status CheckUrl(std::string_view url) const = 0;
  // Puts what the resolved address must fulfil into the request: it is checked on the address that is connected to
  // (net/address_guard.h), so that a name that changes its address gains nothing. Messages: "Remote inference host name
  // has private ip address: <host>" (kInvalidArgument) and those of spec/remote §4.
  virtual void Guard(net::ClientRequest& request) const = 0;
};

}  // namespace mlnode::connectors
