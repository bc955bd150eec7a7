#pragma once

#include <base/fd.hpp>

#include <boost/filesystem/path.hpp>

#include <string>
#include <string_view>
#include <thread>

namespace dind::test {

// A server on a unix socket that answers its first client with fixed bytes, once it has
// read as much as it waits for, and hangs up; or says nothing until that client goes.
// Its socket file stays.
class UnixServer {
public:
  static constexpr const char* kSilent = "(silent)";
  static constexpr const char* kEndOfHead = "\r\n\r\n";
  static constexpr const char* kEndOfChunks = "\r\n0\r\n\r\n";

  UnixServer(boost::filesystem::path path, std::string answer, std::string awaited = kEndOfHead);
  ~UnixServer();
  UnixServer(const UnixServer&) = delete;
  UnixServer& operator=(const UnixServer&) = delete;

  const boost::filesystem::path& path() const { return path_; }

  // What the client sent, up to what was awaited. Waits for the end of the exchange.
  std::string request();

private:
  void serve();

  boost::filesystem::path path_;
  std::string answer_;
  std::string awaited_;
  std::string request_;
  Fd listener_;
  std::thread thread_;
};

// An answer of the engine, whole.
std::string response(std::string_view status, std::string_view body);

} // namespace dind::test
