#include <daemon/exchange.hpp>

#include <base/json.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>

#include <optional>
#include <vector>

// The only file that includes Asio and Beast: nothing else takes the compiler as long.

namespace dind::daemon {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t kPiece = 256U << 10U;
constexpr std::size_t kRefusalLimit = 64U << 10U;
constexpr auto kTick = std::chrono::milliseconds(100);
constexpr unsigned kHttp11 = 11;

std::string explanation(const std::string& body) {
  if (const auto document = json::parse(body); document && document->is_object()) {
    if (const auto message = json::Fields(document->get_object()).text("message")) {
      return *message;
    }
  }
  return "no explanation";
}

Error error_of(const std::string& doing, error_code failure) {
  if (failure == beast::error::timeout) {
    return Error(doing, ETIMEDOUT);
  }
  if (failure == http::error::body_limit) {
    return Error(doing, EMSGSIZE);
  }
  if (failure.category() == boost::system::system_category()) {
    return Error(doing, failure.value());
  }
  return input_error("{}: {}", doing, failure.message());
}

// Each step starts the next; beside them a timer asks whether all this is still wanted.
class Exchange {
public:
  Exchange(const fs::path& socket, const Request& request, const Patience& patience,
           const BodyWriter& reply, const std::string& doing)
      : body_(request.body), patience_(patience), sink_(reply), doing_(doing), stream_(context_),
        ticks_(context_), endpoint_(socket.native()),
        request_(body_ ? http::verb::post : http::verb::get, request.target, kHttp11) {
    request_.set(http::field::host, "docker"); // engines answer 400 without one
    request_.set(http::field::connection, "close");
    if (body_) {
      request_.set(http::field::content_type, "application/x-tar");
      request_.chunked(true);
    }
    request_.body().data = nullptr;
    request_.body().more = static_cast<bool>(body_);
    reply_.body_limit(request.reply_limit);
  }

  Result<void> run() {
    if (patience_.interrupted) {
      tick();
    }
    stream_.expires_after(patience_.timeout);
    stream_.async_connect(
        endpoint_, [this](error_code failure) { failure ? finish(failure) : write_header(); });
    context_.run();
    if (refused_) {
      return std::move(*refused_);
    }
    if (failure_) {
      return error_of(doing_, failure_);
    }
    if (!accepted()) {
      return input_error("{}: status {}: {}", doing_, reply_.get().result_int(),
                         explanation(refusal_));
    }
    return {};
  }

private:
  bool accepted() const { return reply_.get().result() == http::status::ok; }

  void begin_step() {
    if (patience_.each_step) {
      stream_.expires_after(patience_.timeout);
    }
  }

  void write_header() {
    begin_step();
    http::async_write_header(stream_, serializer_, [this](error_code failure, std::size_t) {
      failure || !body_ ? read_header(failure) : write_piece();
    });
  }

  void write_piece() {
    const auto got = body_(piece_);
    if (!got) {
      return give_up(got.error());
    }
    request_.body().data = *got == 0 ? nullptr : piece_.data();
    request_.body().size = *got;
    request_.body().more = *got != 0;
    begin_step();
    http::async_write(stream_, serializer_, [this](error_code failure, std::size_t) {
      failure == http::error::need_buffer ? write_piece() : read_header(failure);
    });
  }

  // An engine that has had enough answers before it has read all; then the failed write is
  // not what is worth telling.
  void read_header(error_code written) {
    begin_step();
    http::async_read_header(stream_, buffer_, reply_,
                            [this, written](error_code failure, std::size_t) {
                              failure ? finish(written ? written : failure) : read_piece();
                            });
  }

  void read_piece() {
    if (reply_.is_done()) {
      return finish({});
    }
    reply_.get().body().data = piece_.data();
    reply_.get().body().size = piece_.size();
    begin_step();
    http::async_read(stream_, buffer_, reply_, [this](error_code failure, std::size_t) {
      if (failure && failure != http::error::need_buffer) {
        return finish(failure);
      }
      take(std::span(piece_).first(piece_.size() - reply_.get().body().size));
    });
  }

  void take(std::span<const std::byte> got) {
    if (!accepted()) {
      const std::size_t room = kRefusalLimit - refusal_.size();
      refusal_.append(reinterpret_cast<const char*>(got.data()), std::min(got.size(), room));
    } else if (auto taken = sink_(got); !taken) {
      return give_up(std::move(taken).error());
    }
    read_piece();
  }

  void tick() {
    ticks_.expires_after(kTick);
    ticks_.async_wait([this](error_code stopped) {
      // A timer that has fired already cannot be cancelled any more.
      if (stopped || over_) {
        return;
      }
      patience_.interrupted() ? give_up(Error(doing_, ECANCELED)) : tick();
    });
  }

  void give_up(Error why) {
    if (!refused_) {
      refused_ = std::move(why);
    }
    over_ = true;
    stream_.close(); // what is under way ends with operation_aborted
    ticks_.cancel();
  }

  void finish(error_code failure) {
    failure_ = failure;
    over_ = true;
    ticks_.cancel();
  }

  const BodyReader& body_;
  const Patience& patience_;
  const BodyWriter& sink_;
  const std::string& doing_;
  asio::io_context context_{1};
  beast::basic_stream<asio::local::stream_protocol> stream_;
  asio::steady_timer ticks_;
  asio::local::stream_protocol::endpoint endpoint_;
  http::request<http::buffer_body> request_;
  http::request_serializer<http::buffer_body> serializer_{request_};
  http::response_parser<http::buffer_body> reply_;
  beast::flat_buffer buffer_;
  std::vector<std::byte> piece_ = std::vector<std::byte>(kPiece);
  std::string refusal_;
  std::optional<Error> refused_; // by `body_` or `sink_`, or as `patience_` says
  error_code failure_;
  bool over_ = false; // nothing more is to be started
};

} // namespace

BodyWriter into_text(std::string& text) {
  return [&text](std::span<const std::byte> bytes) -> Result<void> {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  };
}

Result<void> exchange(const fs::path& socket, const Request& request, const Patience& patience,
                      const BodyWriter& reply) {
  const std::string doing =
      fmt::format("{} {} to {}", request.body ? "POST" : "GET", request.target, socket.native());
  try {
    return Exchange(socket, request, patience, reply, doing).run();
  } catch (const boost::system::system_error& failure) {
    // Asio reports only by exception that it got no epoll descriptor, and that a path is too long
    // for a socket address.
    return error_of(doing, failure.code());
  }
}

} // namespace dind::daemon
