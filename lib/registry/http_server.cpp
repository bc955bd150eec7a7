#include <registry/http_server.hpp>

#include <base/log.hpp>
#include <sys/workers.hpp>
#include <registry/answer.hpp>
#include <registry/content_reader.hpp>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/system/system_error.hpp>

#include <fcntl.h>
#include <malloc.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

// The only file of this module that includes Asio and Beast: nothing else takes the compiler as
// long.

namespace dind::registry {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Executor = asio::io_context::executor_type;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Stream = beast::basic_stream<tcp, Executor>;

constexpr std::size_t kLoops = 4;
constexpr std::size_t kMostConnections = 64; // of a loop
constexpr std::size_t kMostTurns = 2;        // of a loop
constexpr std::uint64_t kTurn = 16U << 20U;  // bytes
constexpr auto kLongestTurn = std::chrono::seconds(1);
constexpr std::size_t kPiece = 64U << 10U;
constexpr std::size_t kHeaderLimit = 8U << 10U;
constexpr unsigned kHttp11 = 11;
constexpr auto kRequestWait = std::chrono::seconds(30);
constexpr auto kCrowdedWait = std::chrono::seconds(1); // while others may be kept out
constexpr auto kWriteWait = std::chrono::seconds(60);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr auto kStall = std::chrono::milliseconds(100);
constexpr auto kTallyPause = std::chrono::seconds(1);

constexpr Refusal kNoRequest = {400, "UNSUPPORTED", "not an HTTP request that is understood"};
constexpr Refusal kTooLong = {431, "UNSUPPORTED", "the header is too long"};

class Loop;

// A client, from its connect to its end.
class Connection : public std::enable_shared_from_this<Connection> {
public:
  Connection(Loop& loop, Stream stream);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  void begin() { read_request(); }
  void begin_turn();
  void end_turn();
  // Since when the client has taken nothing.
  Clock::time_point writes_since() const { return writes_since_; }

private:
  void read_request();
  void take_request(error_code failure);
  Answer answer_to(const http::request<http::empty_body>& request);
  void reply(Answer answer);
  void write(std::string_view bytes);
  void written(error_code failure);
  void write_piece();
  void finish_answer();
  void cut(const Error& why);

  Loop& loop_;
  Stream stream_;
  beast::flat_buffer buffer_{kHeaderLimit + kHeaderLimit};
  std::optional<http::request_parser<http::empty_body>> parser_;
  Afterwards afterwards_ = Afterwards::keep;
  std::string text_; // what is written
  std::optional<ContentReader> content_;
  std::vector<std::byte> piece_; // of the content; empty before and after a turn
  bool has_turn_ = false;
  std::uint64_t in_turn_ = 0; // bytes
  Clock::time_point turn_since_;
  Clock::time_point writes_since_;
};

// One thread's connections, and who of them may read from caches.
class Loop {
public:
  Loop(const std::vector<Fd>& listeners, Shelf& shelf, Missed& missed, const Tally& tally);

  void run() { context_.run(); }

  Shelf& shelf() { return shelf_; }
  // Whether a client may keep its connection without keeping another out.
  bool has_room() const { return connections_ < kMostConnections / 2; }
  bool is_waited_for() const { return !waiting_.empty(); }

  // What became of a request for an image.
  void note(const Answer& answer);
  void connected() { ++connections_; }
  void disconnected();
  void want_turn(std::shared_ptr<Connection> connection);
  void give_back_turn(Connection& connection);

private:
  struct Listener {
    Acceptor acceptor;
    asio::steady_timer pause;
    bool is_accepting = false;
  };

  void accept(Listener& listener);
  void accepted(Listener& listener, error_code failure, Stream::socket_type socket);
  void give_turns();
  void watch_for_stalls();
  void tell_soon();

  Shelf& shelf_;
  Missed& missed_;
  const Tally& tally_;
  Counts counts_; // not sent yet
  std::size_t connections_ = 0;
  asio::io_context context_{1};
  asio::steady_timer stalls_{context_};
  bool is_watching_ = false;
  asio::steady_timer telling_{context_};
  std::list<Listener> listeners_;
  std::deque<std::shared_ptr<Connection>> waiting_;
  std::vector<Connection*> reading_; // whose turn it is
};

Connection::Connection(Loop& loop, Stream stream) : loop_(loop), stream_(std::move(stream)) {
  loop_.connected();
}

Connection::~Connection() {
  end_turn();
  loop_.disconnected();
}

void Connection::read_request() {
  parser_.emplace();
  parser_->header_limit(kHeaderLimit);
  stream_.expires_after(loop_.has_room() ? kRequestWait : kCrowdedWait);
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = shared_from_this()](error_code failure, std::size_t) {
                            self->take_request(failure);
                          });
}

void Connection::take_request(error_code failure) {
  if (failure == http::error::end_of_stream || failure == http::error::partial_message) {
    return;
  }
  if (failure == http::error::header_limit || failure == http::error::buffer_overflow) {
    afterwards_ = Afterwards::close;
    return reply(refuse(kTooLong));
  }
  if (failure.category() == make_error_code(http::error::bad_method).category() && failure) {
    afterwards_ = Afterwards::close;
    return reply(refuse(kNoRequest));
  }
  if (failure) {
    return;
  }
  // A body is never read: what follows it could not be told from it.
  const auto& request = parser_->get();
  const bool has_body = request.count(http::field::transfer_encoding) > 0 ||
                        parser_->content_length().value_or(0) > 0;
  const bool keeps = request.keep_alive() && !has_body && loop_.has_room();
  afterwards_ = keeps ? Afterwards::keep : Afterwards::close;
  reply(answer_to(request));
}

Answer Connection::answer_to(const http::request<http::empty_body>& request) {
  if (request.version() == kHttp11 && request.count(http::field::host) != 1) {
    afterwards_ = Afterwards::close;
    return refuse(kNoRequest);
  }
  Request wanted;
  wanted.method = request.method() == http::verb::get    ? Method::get
                  : request.method() == http::verb::head ? Method::head
                                                         : Method::other;
  wanted.target = {request.target().data(), request.target().size()};
  // A part for `If-Range` would need a validator that is compared.
  if (request.count(http::field::range) == 1 && request.count(http::field::if_range) == 0) {
    wanted.range = {request[http::field::range].data(), request[http::field::range].size()};
  }
  Answer made = answer(loop_.shelf().catalogue(), wanted);
  log::debug("registry: {} {}: {}", std::string_view(request.method_string()), wanted.target,
             made.status);
  loop_.note(made);
  return made;
}

void Connection::reply(Answer answer) {
  text_ = print_head(answer, afterwards_) + answer.text;
  if (answer.body) {
    content_.emplace(loop_.shelf(), *std::move(answer.body));
  }
  write(text_);
}

void Connection::write(std::string_view bytes) {
  writes_since_ = Clock::now();
  stream_.expires_after(kWriteWait);
  asio::async_write(
      stream_, asio::const_buffer(bytes.data(), bytes.size()),
      [self = shared_from_this()](error_code failure, std::size_t) { self->written(failure); });
}

void Connection::written(error_code failure) {
  if (failure) {
    return;
  }
  text_.clear();
  if (!content_ || content_->left() == 0) {
    return finish_answer();
  }
  const bool is_over = in_turn_ >= kTurn || Clock::now() - turn_since_ >= kLongestTurn;
  if (has_turn_ && is_over && loop_.is_waited_for()) {
    end_turn();
  }
  if (has_turn_) {
    return write_piece();
  }
  piece_ = {};
  loop_.want_turn(shared_from_this());
}

void Connection::begin_turn() {
  has_turn_ = true;
  in_turn_ = 0;
  turn_since_ = Clock::now();
  piece_.resize(kPiece);
  write_piece();
}

// The piece that is being written stays until it is.
void Connection::end_turn() {
  if (std::exchange(has_turn_, false)) {
    content_->rest();
    loop_.give_back_turn(*this);
  }
}

void Connection::write_piece() {
  const auto got = content_->read(piece_);
  if (!got) {
    return cut(got.error());
  }
  in_turn_ += *got;
  write({reinterpret_cast<const char*>(piece_.data()), *got});
}

void Connection::finish_answer() {
  end_turn();
  content_.reset();
  piece_ = {};
  if (afterwards_ == Afterwards::keep) {
    return read_request();
  }
  error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

// The answer promised more bytes than the client gets: it sees that they are not all.
void Connection::cut(const Error& why) {
  log::warn("registry: {} cannot be served: {}", content_->digest().text(), why.describe());
  end_turn();
  stream_.close();
}

Loop::Loop(const std::vector<Fd>& listeners, Shelf& shelf, Missed& missed, const Tally& tally)
    : shelf_(shelf), missed_(missed), tally_(tally) {
  for (const Fd& fd : listeners) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    Listener& listener =
        listeners_.emplace_back(Listener{Acceptor(context_), asio::steady_timer(context_)});
    listener.acceptor.assign(bound.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(),
                             ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    accept(listener);
  }
}

void Loop::accept(Listener& listener) {
  if (listener.is_accepting || connections_ >= kMostConnections) {
    return;
  }
  listener.is_accepting = true;
  listener.acceptor.async_accept(context_,
                                 [this, &listener](error_code failure, Stream::socket_type socket) {
                                   listener.is_accepting = false;
                                   accepted(listener, failure, std::move(socket));
                                 });
}

// No descriptor left is a reason to wait: some client goes.
void Loop::accepted(Listener& listener, error_code failure, Stream::socket_type socket) {
  if (failure) {
    listener.pause.expires_after(kAcceptPause);
    return listener.pause.async_wait([this, &listener](error_code) { accept(listener); });
  }
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  std::make_shared<Connection>(*this, Stream(std::move(socket)))->begin();
  accept(listener);
}

void Loop::note(const Answer& answer) {
  if (answer.found.empty() && answer.missed.empty()) {
    return;
  }
  const bool is_first = counts_ == Counts();
  if (answer.missed.empty()) {
    log::debug("registry: hit: {}", answer.found);
    ++counts_.hits;
  } else {
    log::debug("registry: miss: {}", answer.missed);
    ++counts_.misses;
    missed_.add(answer.missed);
  }
  if (is_first) {
    tell_soon();
  }
}

// Not at once: the other process would wake up for each request.
void Loop::tell_soon() {
  telling_.expires_after(kTallyPause);
  telling_.async_wait([this](error_code) {
    if (!tally_.send(counts_)) {
      return tell_soon();
    }
    counts_ = {};
  });
}

void Loop::disconnected() {
  --connections_;
  if (connections_ == 0) {
    shelf_.rest();
    ::malloc_trim(0); // this process may now sleep for months
  }
  for (Listener& listener : listeners_) {
    accept(listener);
  }
}

void Loop::want_turn(std::shared_ptr<Connection> connection) {
  waiting_.push_back(std::move(connection));
  give_turns();
}

void Loop::give_back_turn(Connection& connection) {
  std::erase(reading_, &connection);
  give_turns();
}

// Later, for the one that gives its turn back is in the midst of it.
void Loop::give_turns() {
  while (reading_.size() < kMostTurns && !waiting_.empty()) {
    const auto next = std::move(waiting_.front());
    waiting_.pop_front();
    reading_.push_back(next.get());
    asio::post(context_, [next] { next->begin_turn(); });
  }
  watch_for_stalls();
}

// Only while there is one that waits.
void Loop::watch_for_stalls() {
  if (is_watching_ || waiting_.empty()) {
    return;
  }
  is_watching_ = true;
  stalls_.expires_after(kStall);
  stalls_.async_wait([this](error_code) {
    is_watching_ = false;
    const auto reading = reading_;
    for (Connection* const one : reading) {
      if (Clock::now() - one->writes_since() > kStall) {
        one->end_turn();
      }
    }
    watch_for_stalls();
  });
}

void run_loop(const std::vector<Fd>& listeners, Shelf& shelf, Missed& missed, const Tally& tally) {
  try {
    Loop(listeners, shelf, missed, tally).run();
  } catch (const boost::system::system_error& failure) {
    // Asio reports only by exception that it got no epoll descriptor.
    log::warn("registry: {}", failure.what());
  }
}

} // namespace

Result<void> serve(const std::vector<Fd>& listeners, Shelf& shelf, Missed& missed,
                   const Tally& tally) {
  sys::run_on_workers(kLoops, [&] { run_loop(listeners, shelf, missed, tally); });
  return input_error("no thread can wait for clients");
}

} // namespace dind::registry
