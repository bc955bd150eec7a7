#include <support/layer.hpp>
#include <support/temp_dir.hpp>

#include <cstdlib>
#include <memory>

namespace {

using namespace dind;

// They would only test the kernel.
Result<void> set_no_xattr(sys::At, const std::string&, const archive::Xattr&) {
  return {};
}

// A mutated header would not get past its checksum: puts the right one into whatever
// looks like a header.
std::string with_checksums(std::string tar) {
  constexpr std::size_t kBlock = 512;
  for (std::size_t at = 0; at + kBlock <= tar.size(); at += kBlock) {
    if (tar.compare(at + 257, 5, "ustar") != 0) {
      continue;
    }
    tar.replace(at + 148, 8, 8, ' ');
    unsigned sum = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      sum += static_cast<unsigned char>(tar[at + i]);
    }
    tar.replace(at + 148, 7, fmt::format("{:06o}", sum) + '\0');
  }
  return tar;
}

} // namespace

// A tar that unpacks must be made again to the byte.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string tar = with_checksums({reinterpret_cast<const char*>(data), size});
  if (!test::members_of(tar)) {
    return 0;
  }
  const test::TempDir dir("/dev/shm");
  test::RecordingMarks marks;
  const auto split = test::unpack(tar, dir.fd(), marks, set_no_xattr);
  if (!split) {
    return 0;
  }
  const auto again = test::make_again(*split, dir.fd());
  if (!again || *again != tar) {
    std::abort();
  }
  return 0;
}
