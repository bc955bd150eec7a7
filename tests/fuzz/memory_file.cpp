#include <fuzz/memory_file.hpp>

#include <fuzz/target.hpp>

#include <sys/mman.h>
#include <unistd.h>

namespace dind::fuzz {

std::shared_ptr<const Fd> memory_file(std::string_view bytes) {
  auto file = std::make_shared<Fd>(::memfd_create("input", MFD_CLOEXEC));
  const ssize_t written = ::write(file->get(), bytes.data(), bytes.size());
  require(written == static_cast<ssize_t>(bytes.size()));
  return file;
}

} // namespace dind::fuzz
