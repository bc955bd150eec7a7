#include <daemon/engine_api.hpp>

#include <base/json.hpp>
#include <daemon/engine_failure.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cctype>
#include <functional>

namespace dind::daemon {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::uint64_t kBodyLimit = 64U << 20U; // a list of tens of thousands of images
constexpr unsigned kOk = 200;

// One request on a connection of its own: connect, write, read, in this order,
// each step started by the end of the one before. The timer of the stream covers
// them all.
class Exchange {
public:
  Exchange(const fs::path& socket, const std::string& target, std::chrono::milliseconds timeout)
      : stream_(context_), endpoint_(socket.native()), request_(http::verb::get, target, 11) {
    // Engines answer 400 without a Host, whose value they ignore.
    request_.set(http::field::host, "docker");
    request_.set(http::field::connection, "close");
    parser_.body_limit(kBodyLimit);
    stream_.expires_after(timeout);
  }

  error_code run() {
    stream_.async_connect(endpoint_, [this](error_code failure) {
      if (!fails(failure)) {
        write();
      }
    });
    context_.run();
    return failure_;
  }

  unsigned status() const { return parser_.get().result_int(); }
  std::string body() { return std::move(parser_.get().body()); }

private:
  void write() {
    http::async_write(stream_, request_, [this](error_code failure, std::size_t) {
      if (!fails(failure)) {
        read();
      }
    });
  }

  void read() {
    http::async_read(stream_, buffer_, parser_,
                     [this](error_code failure, std::size_t) { fails(failure); });
  }

  bool fails(error_code failure) {
    failure_ = failure;
    return failure.failed();
  }

  asio::io_context context_{1};
  beast::basic_stream<asio::local::stream_protocol> stream_;
  asio::local::stream_protocol::endpoint endpoint_;
  http::request<http::empty_body> request_;
  http::response_parser<http::string_body> parser_;
  beast::flat_buffer buffer_;
  error_code failure_;
};

// What an untagged image has in the place of a name, before 25.
bool is_placeholder(const std::string& name) {
  return name.find("<none>") != std::string::npos;
}

Result<ImageSummary> parse_image(const json::value& item) {
  const json::Fields fields = TRY(json::Fields::of(item));
  ImageSummary image;
  image.id = TRY(fields.text("Id"));
  image.names = TRY(fields.texts_or_none("RepoTags"));
  image.digests = TRY(fields.texts_or_none("RepoDigests"));
  std::erase_if(image.names, is_placeholder);
  std::erase_if(image.digests, is_placeholder);
  return image;
}

} // namespace

Result<std::string> EngineApi::get(const std::string& target) const {
  const std::string doing = fmt::format("GET {} from {}", target, socket_.native());
  try {
    Exchange exchange(socket_, target, timeout_);
    if (const error_code failure = exchange.run()) {
      return exchange_error(doing, failure);
    }
    if (exchange.status() != kOk) {
      const unsigned status = exchange.status();
      return input_error("{}: status {}: {}", doing, status, explanation(exchange.body()));
    }
    return exchange.body();
  } catch (const boost::system::system_error& failure) {
    // Asio reports only by exception that it got no epoll descriptor, and that
    // a path is too long for a socket address.
    return exchange_error(doing, failure.code());
  }
}

Result<fs::path> parse_docker_host(const std::string& host) {
  constexpr std::string_view kUnix = "unix://";
  if (host.empty()) {
    return fs::path(kDefaultApiSocket);
  }
  if (!host.starts_with(kUnix) || host.size() == kUnix.size()) {
    return input_error("DOCKER_HOST={}: only an engine on a unix socket is spoken to, as unix://{}",
                       host, kDefaultApiSocket);
  }
  return fs::path(host.substr(kUnix.size()));
}

Result<void> EngineApi::ping() const {
  TRY(get("/_ping"));
  return {};
}

Result<std::string> EngineApi::version() const {
  return text_of("/version", "Version");
}

Result<std::string> EngineApi::driver() const {
  return text_of("/info", "Driver");
}

// The containerd store says what it is where graph drivers tell of themselves
// (moby daemon/info.go, containerd/service.go: LayerStoreStatus).
Result<bool> EngineApi::has_containerd_store() const {
  const std::string body = TRY(get("/info"));
  const json::value document = TRY(json::parse(body).within("GET /info"));
  const json::Fields fields = TRY(json::Fields::of(document).within("GET /info"));
  const json::array* status = TRY(fields.list_or_none("DriverStatus").within("GET /info"));
  const json::value mark = json::array{"driver-type", "io.containerd.snapshotter.v1"};
  return status && std::find(status->begin(), status->end(), mark) != status->end();
}

Result<ImageSummary> EngineApi::image(const std::string& reference) const {
  // A name's slashes and colons are the path's own, so that only what no reference has would need
  // quoting.
  const std::string target = "/images/" + reference + "/json";
  const std::string body = TRY(get(target));
  const json::value document = TRY(json::parse(body).within(target));
  return parse_image(document).within(target);
}

Result<std::string> EngineApi::text_of(const std::string& target, std::string_view member) const {
  const std::string doing = "GET " + target;
  const std::string body = TRY(get(target));
  const json::value document = TRY(json::parse(body).within(doing));
  const json::Fields fields = TRY(json::Fields::of(document).within(doing));
  return fields.text(member).within(doing);
}

Result<std::vector<ImageSummary>> EngineApi::images() const {
  const std::string body = TRY(get("/images/json"));
  const json::value document = TRY(json::parse(body).within("GET /images/json"));
  const json::array* items = document.if_array();
  if (!items) {
    return input_error("GET /images/json: not a list");
  }
  std::vector<ImageSummary> images;
  for (const json::value& item : *items) {
    images.push_back(TRY(parse_image(item).within("GET /images/json")));
  }
  return images;
}

} // namespace dind::daemon
