// failingdisk IMAGE PLACE FOLDER
//
// Shows the file IMAGE at PLACE, also a file, until that is unmounted: by FUSE, so that a loop
// device on it is a disk that fails when it is told to. Kernels without device mapper have no
// other.
//
// FOLDER/rule has one word and a number N. It is read before each request, and what it says begins
// with the N-th that comes after it was written:
//   reads N   what that one reads cannot be read any more
//   writes N  what that one writes cannot be written any more
//   all N     every request fails
// Without the file everything works. FOLDER/struck gets a line for each request that failed.
#define FUSE_USE_VERSION 35
#include <fuse3/fuse.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace {

enum class Request { read, write, flush };

struct Range {
  off_t start;
  off_t end;
};

class Disk {
public:
  Disk(int image, std::string folder) : image_(image), folder_(std::move(folder)) {}

  int image() const { return image_; }

  bool fails(Request request, Range range) {
    heed_rule();
    const bool is_struck = strikes(request, range);
    if (is_struck) {
      std::ofstream(folder_ + "/struck", std::ios::app)
          << (request == Request::read    ? "read"
              : request == Request::write ? "write"
                                          : "flush")
          << " at " << range.start << " of " << range.end - range.start << '\n';
    }
    return is_struck;
  }

private:
  void heed_rule() {
    std::string kind;
    unsigned long number = 0;
    std::ifstream(folder_ + "/rule") >> kind >> number;
    if (kind != kind_ || number != number_) {
      kind_ = kind;
      number_ = number;
      requests_ = 0;
      bad_.clear();
    }
  }

  bool strikes(Request request, Range range) {
    if (kind_ == "all") {
      return ++requests_ >= number_;
    }
    if ((kind_ != "reads" || request != Request::read) &&
        (kind_ != "writes" || request != Request::write)) {
      return false;
    }
    if (++requests_ == number_) {
      bad_.push_back(range);
    }
    return std::any_of(bad_.begin(), bad_.end(), [&](const Range& bad) {
      return range.start < bad.end && bad.start < range.end;
    });
  }

  int image_;
  std::string folder_;
  std::string kind_;
  unsigned long number_ = 0;
  unsigned long requests_ = 0; // since the rule was written, of its kind
  std::vector<Range> bad_;
};

Disk& disk() {
  return *static_cast<Disk*>(fuse_get_context()->private_data);
}

int done(ssize_t count) {
  return count == -1 ? -errno : static_cast<int>(count);
}

Range range_of(std::size_t size, off_t offset) {
  return {offset, offset + static_cast<off_t>(size)};
}

int get_attributes(const char* /*path*/, struct stat* status, fuse_file_info* /*file*/) {
  return done(::fstat(disk().image(), status));
}

int open(const char* /*path*/, fuse_file_info* file) {
  file->direct_io = 1; // the kernel keeps nothing of it
  return 0;
}

int read(const char* /*path*/, char* into, std::size_t size, off_t offset,
         fuse_file_info* /*file*/) {
  return disk().fails(Request::read, range_of(size, offset))
             ? -EIO
             : done(::pread(disk().image(), into, size, offset));
}

int write(const char* /*path*/, const char* from, std::size_t size, off_t offset,
          fuse_file_info* /*file*/) {
  return disk().fails(Request::write, range_of(size, offset))
             ? -EIO
             : done(::pwrite(disk().image(), from, size, offset));
}

int flush(const char* /*path*/, int /*is_data*/, fuse_file_info* /*file*/) {
  return disk().fails(Request::flush, {0, 0}) ? -EIO : 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: failingdisk IMAGE PLACE FOLDER\n", stderr);
    return 64;
  }
  const int image = ::open(argv[1], O_RDWR | O_CLOEXEC);
  if (image == -1) {
    std::perror(argv[1]);
    return 74;
  }
  fuse_operations operations{};
  operations.getattr = get_attributes;
  operations.open = open;
  operations.read = read;
  operations.write = write;
  operations.fsync = flush;
  Disk disk(image, argv[3]);
  std::array<char, 3> foreground{"-f"};
  std::array<char, 3> one_thread{"-s"};
  std::array arguments = {argv[0], foreground.data(), one_thread.data(), argv[2]};
  return fuse_main(static_cast<int>(arguments.size()), arguments.data(), &operations, &disk);
}
