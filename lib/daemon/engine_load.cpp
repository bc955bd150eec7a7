#include <daemon/engine_api.hpp>

#include <base/json.hpp>
#include <daemon/engine_failure.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>

#include <optional>
#include <vector>

namespace dind::daemon {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr const char* kTarget = "/images/load?quiet=1";
constexpr std::size_t kPiece = 256U << 10U;
constexpr std::uint64_t kReplyLimit = 16U << 20U;
constexpr auto kTick = std::chrono::milliseconds(100);
constexpr unsigned kOk = 200;

// One request whose body is made while it is sent. Each step starts the next; beside them
// a timer asks whether all this is still wanted.
class Upload {
public:
  Upload(const fs::path& socket, const ArchiveReader& archive,
         const std::function<bool()>& interrupted, std::chrono::milliseconds timeout)
      : archive_(archive), interrupted_(interrupted), timeout_(timeout), stream_(context_),
        ticks_(context_), endpoint_(socket.native()), request_(http::verb::post, kTarget, 11) {
    request_.set(http::field::host, "docker"); // engines answer 400 without one
    request_.set(http::field::connection, "close");
    request_.set(http::field::content_type, "application/x-tar");
    request_.chunked(true);
    request_.body().data = nullptr;
    request_.body().more = true;
    reply_.body_limit(kReplyLimit);
  }

  // What went wrong on our side, or with the connection; the reply may still tell of the engine's.
  std::optional<Error> run(const std::string& doing) {
    tick();
    stream_.expires_after(timeout_);
    stream_.async_connect(endpoint_, [this](error_code failure) {
      if (failure) {
        return finish(failure);
      }
      serializer_.emplace(request_);
      stream_.expires_after(timeout_);
      http::async_write_header(stream_, *serializer_, [this](error_code failed, std::size_t) {
        failed ? read_reply(failed) : write_piece();
      });
    });
    context_.run();
    if (refused_) {
      return std::move(refused_);
    }
    if (failure_) {
      return exchange_error(doing, failure_);
    }
    return std::nullopt;
  }

  unsigned status() const { return reply_.get().result_int(); }
  std::string body() { return std::move(reply_.get().body()); }

private:
  void write_piece() {
    const auto got = archive_(piece_);
    if (!got) {
      return give_up(got.error());
    }
    request_.body().data = *got == 0 ? nullptr : piece_.data();
    request_.body().size = *got;
    request_.body().more = *got != 0;
    stream_.expires_after(timeout_);
    http::async_write(stream_, *serializer_, [this](error_code failure, std::size_t) {
      if (failure == http::error::need_buffer) {
        return write_piece();
      }
      read_reply(failure);
    });
  }

  // An engine that has had enough answers before it has read all; then the failed write is
  // not what is worth telling.
  void read_reply(error_code written) {
    stream_.expires_after(timeout_);
    http::async_read(stream_, buffer_, reply_, [this, written](error_code failure, std::size_t) {
      finish(failure && written ? written : failure);
    });
  }

  void tick() {
    ticks_.expires_after(kTick);
    ticks_.async_wait([this](error_code stopped) {
      // A timer that has fired already cannot be cancelled any more.
      if (stopped || over_) {
        return;
      }
      if (interrupted_()) {
        return give_up(Error("load an image", ECANCELED));
      }
      tick();
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

  const ArchiveReader& archive_;
  const std::function<bool()>& interrupted_;
  std::chrono::milliseconds timeout_;
  asio::io_context context_{1};
  beast::basic_stream<asio::local::stream_protocol> stream_;
  asio::steady_timer ticks_;
  asio::local::stream_protocol::endpoint endpoint_;
  http::request<http::buffer_body> request_;
  std::optional<http::request_serializer<http::buffer_body>> serializer_;
  http::response_parser<http::string_body> reply_;
  beast::flat_buffer buffer_;
  std::vector<std::byte> piece_ = std::vector<std::byte>(kPiece);
  std::optional<Error> refused_;
  error_code failure_;
  bool over_ = false; // nothing more is to be started
};

// The engine answers 200 before it has read everything, and tells of a failure in one of
// the JSON lines that follow: {"errorDetail": {"message": "..."}, "error": "..."}.
Result<void> check_lines(std::string_view lines, const std::string& doing) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      continue;
    }
    const json::value document = TRY(json::parse(line).within(doing));
    const json::Fields fields = TRY(json::Fields::of(document).within(doing));
    if (fields.has("error")) {
      return input_error("{}: {}", doing, TRY(fields.text("error").within(doing)));
    }
    if (const json::object* detail = TRY(fields.child_or_none("errorDetail").within(doing))) {
      return input_error("{}: {}", doing,
                         TRY(json::Fields(*detail).text_or("message", "no explanation")));
    }
  }
  return {};
}

} // namespace

Result<void> EngineApi::load(const ArchiveReader& archive,
                             const std::function<bool()>& interrupted) const {
  const std::string doing = fmt::format("POST {} to {}", kTarget, socket_.native());
  try {
    Upload upload(socket_, archive, interrupted, timeout_);
    if (std::optional<Error> failure = upload.run(doing)) {
      return std::move(*failure);
    }
    const unsigned status = upload.status();
    const std::string body = upload.body();
    if (status != kOk) {
      return input_error("{}: status {}: {}", doing, status, explanation(body));
    }
    return check_lines(body, doing);
  } catch (const boost::system::system_error& failure) {
    return exchange_error(doing, failure.code()); // no epoll descriptor, or too long a path
  }
}

} // namespace dind::daemon
