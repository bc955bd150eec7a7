#pragma once

#include <sys/file.hpp>

#include <boost/filesystem/path.hpp>

#include <string>
#include <string_view>

namespace dind::test {

// A directory under $TMPDIR (or `parent`) that goes with its owner, with
// shorthands that fail the process if they cannot do their work.
class TempDir {
public:
  explicit TempDir(const std::string& parent = "");
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const boost::filesystem::path& path() const { return path_; }
  const Fd& fd() const { return fd_; }
  boost::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  // Makes a file, and its missing parents, and returns its path.
  boost::filesystem::path write(const std::string& name, std::string_view content) const;
  boost::filesystem::path make_dir(const std::string& name) const;
  std::string read(const std::string& name) const;
  bool has(const std::string& name) const; // a dangling symlink counts

private:
  boost::filesystem::path path_;
  Fd fd_;
};

struct stat stat_of(const boost::filesystem::path& path); // lstat

} // namespace dind::test
