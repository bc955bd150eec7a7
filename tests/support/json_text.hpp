#pragma once

#include <base/json.hpp>

#include <string>

namespace dind::test {

inline std::string text_of(const json::object& members) {
  return json::print(members, json::Style::compact);
}

} // namespace dind::test
