#include <daemon/engine_api.hpp>

#include <daemon/engine_failure.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>

#include <limits>
#include <optional>
#include <vector>

namespace dind::daemon {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t kPiece = 256U << 10U;
constexpr std::size_t kRefusalLimit = 64U << 10U;
constexpr auto kTick = std::chrono::milliseconds(100);
constexpr unsigned kOk = 200;

// All but what RFC 3986 leaves unreserved.
std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// One request whose reply is handed on while it comes. Each step starts the next; beside them
// a timer asks whether all this is still wanted.
class Download {
public:
  Download(const fs::path& socket, const std::string& target, const ArchiveWriter& archive,
           const std::function<bool()>& interrupted, std::chrono::milliseconds timeout)
      : archive_(archive), interrupted_(interrupted), timeout_(timeout), stream_(context_),
        ticks_(context_), endpoint_(socket.native()), request_(http::verb::get, target, 11) {
    request_.set(http::field::host, "docker"); // engines answer 400 without one
    request_.set(http::field::connection, "close");
    reply_.body_limit(std::numeric_limits<std::uint64_t>::max());
  }

  std::optional<Error> run(const std::string& doing) {
    tick();
    stream_.expires_after(timeout_);
    stream_.async_connect(endpoint_, [this](error_code failure) {
      if (failure) {
        return finish(failure);
      }
      stream_.expires_after(timeout_);
      http::async_write(stream_, request_, [this](error_code failed, std::size_t) {
        failed ? finish(failed) : read_header();
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
  const std::string& refusal() const { return refusal_; }

private:
  void read_header() {
    stream_.expires_after(timeout_);
    http::async_read_header(stream_, buffer_, reply_, [this](error_code failed, std::size_t) {
      failed ? finish(failed) : read_piece();
    });
  }

  void read_piece() {
    if (reply_.is_done()) {
      return finish({});
    }
    reply_.get().body().data = piece_.data();
    reply_.get().body().size = piece_.size();
    stream_.expires_after(timeout_);
    http::async_read(stream_, buffer_, reply_, [this](error_code failure, std::size_t) {
      if (failure && failure != http::error::need_buffer) {
        return finish(failure);
      }
      const auto got = std::span(piece_).first(piece_.size() - reply_.get().body().size);
      if (status() != kOk) {
        refusal_.append(
            reinterpret_cast<const char*>(got.data()),
            std::min(got.size(), kRefusalLimit - std::min(refusal_.size(), kRefusalLimit)));
      } else if (auto taken = archive_(got); !taken) {
        return give_up(std::move(taken).error());
      }
      read_piece();
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
        return give_up(Error("save an image", ECANCELED));
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

  const ArchiveWriter& archive_;
  const std::function<bool()>& interrupted_;
  std::chrono::milliseconds timeout_;
  asio::io_context context_{1};
  beast::basic_stream<asio::local::stream_protocol> stream_;
  asio::steady_timer ticks_;
  asio::local::stream_protocol::endpoint endpoint_;
  http::request<http::empty_body> request_;
  http::response_parser<http::buffer_body> reply_;
  beast::flat_buffer buffer_;
  std::vector<std::byte> piece_ = std::vector<std::byte>(kPiece);
  std::string refusal_;
  std::optional<Error> refused_;
  error_code failure_;
  bool over_ = false; // nothing more is to be started
};

} // namespace

Result<void> EngineApi::save(const std::string& reference, const ArchiveWriter& archive,
                             const std::function<bool()>& interrupted) const {
  const std::string target = "/images/get?names=" + quoted(reference);
  const std::string doing = fmt::format("GET {} from {}", target, socket_.native());
  try {
    Download download(socket_, target, archive, interrupted, timeout_);
    if (std::optional<Error> failure = download.run(doing)) {
      return std::move(*failure);
    }
    if (download.status() != kOk) {
      return input_error("{}: status {}: {}", doing, download.status(),
                         explanation(download.refusal()));
    }
    return {};
  } catch (const boost::system::system_error& failure) {
    return exchange_error(doing, failure.code()); // no epoll descriptor, or too long a path
  }
}

} // namespace dind::daemon
