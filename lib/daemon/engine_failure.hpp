#pragma once

#include <base/error.hpp>

#include <boost/system/error_code.hpp>

#include <string>

namespace dind::daemon {

// A failed exchange with the engine as an Error: a timeout is ETIMEDOUT, a body beyond its
// bound EMSGSIZE, a failed system call its errno.
Error exchange_error(const std::string& doing, boost::system::error_code failure);

// The engine's own words in the body of a refusal: {"message": "..."}.
std::string explanation(const std::string& body);

} // namespace dind::daemon
