#include <support/temp_dir.hpp>

#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <limits>

namespace dind::test {
namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "test support: %s\n", why.c_str());
  std::abort();
}

template <typename T>
T must(Result<T> result) {
  if (!result) {
    give_up(result.error().describe());
  }
  return std::move(result).value();
}

} // namespace

TempDir::TempDir(const std::string& parent) {
  const char* configured = std::getenv("TMPDIR");
  std::string name =
      (parent.empty() ? (configured ? configured : "/tmp") : parent) + "/dind-XXXXXX";
  if (!::mkdtemp(name.data())) {
    give_up("cannot make " + name);
  }
  path_ = name;
  fd_ = must(sys::open_dir(path_));
}

TempDir::~TempDir() {
  const Fd parent = must(sys::open_dir(path_.parent_path()));
  const std::string name = path_.filename().native();
  std::ignore = sys::remove_tree_at({parent, name});
}

boost::filesystem::path TempDir::write(const std::string& name, std::string_view content) const {
  const auto path = path_ / name;
  must(sys::make_dirs(path.parent_path(), 0755));
  must(sys::replace_file(path, content, 0644, sys::Durable::no));
  return path;
}

boost::filesystem::path TempDir::make_dir(const std::string& name) const {
  must(sys::make_dirs(path_ / name, 0755));
  return path_ / name;
}

std::string TempDir::read(const std::string& name) const {
  return must(sys::read_file(path_ / name, std::numeric_limits<int>::max()));
}

bool TempDir::has(const std::string& name) const {
  struct stat found {};
  return ::lstat((path_ / name).c_str(), &found) == 0;
}

struct stat stat_of(const boost::filesystem::path& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) == -1) {
    give_up("cannot stat " + path.native());
  }
  return found;
}

} // namespace dind::test
