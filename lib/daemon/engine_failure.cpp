#include <daemon/engine_failure.hpp>

#include <base/json.hpp>

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>

namespace dind::daemon {

namespace beast = boost::beast;

Error exchange_error(const std::string& doing, boost::system::error_code failure) {
  if (failure == beast::error::timeout) {
    return Error(doing, ETIMEDOUT);
  }
  if (failure == beast::http::error::body_limit) {
    return Error(doing, EMSGSIZE);
  }
  if (failure.category() == boost::system::system_category()) {
    return Error(doing, failure.value());
  }
  return input_error("{}: {}", doing, failure.message());
}

std::string explanation(const std::string& body) {
  if (const auto document = json::parse(body); document && document->is_object()) {
    if (const auto message = json::Fields(document->get_object()).text("message")) {
      return *message;
    }
  }
  return "no explanation";
}

} // namespace dind::daemon
