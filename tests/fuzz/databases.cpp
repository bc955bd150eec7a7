#include <fuzz/target.hpp>

#include <support/bolt_text.hpp>
#include <support/containerd_store.hpp>
#include <support/temp_dir.hpp>
#include <bolt/database.hpp>
#include <containerd/state.hpp>

namespace dind::fuzz {
namespace {

constexpr std::array<const char*, 2> kFiles = {
    "containerd/daemon/io.containerd.metadata.v1.bolt/meta.db",
    "containerd/daemon/io.containerd.snapshotter.v1.overlayfs/metadata.db"};

// What is in the two databases of a containerd with a few layers.
std::array<std::string, 2> honest_databases() {
  const test::TempDir root("/dev/shm");
  test::ContainerdStore store;
  const std::string first = "sha256:" + std::string(64, 'a');
  const std::string second = "sha256:" + std::string(64, 'b');
  store.add_snapshot(first, 1);
  store.add_snapshot(second, 2, first, 1);
  store.add_snapshot("container", 3, second, 2);
  store.write(root);
  return {root.read(kFiles[0]), root.read(kFiles[1])};
}

// An input is a list of patches: which file and where (16 bits each), how many bytes (8 bits), and
// the bytes. Pages of a database have no checksums but the first two.
void patch(std::array<std::string, 2>& files, std::string_view input) {
  constexpr std::size_t kHead = 4;
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(input[at]); };
  while (input.size() > kHead) {
    std::string& file = files[byte(0) % 2];
    const std::size_t at = (byte(1) * 256U + byte(2)) % file.size();
    const std::size_t size =
        std::min({std::size_t{byte(3)}, input.size() - kHead, file.size() - at});
    file.replace(at, size, input.substr(kHead, size));
    input.remove_prefix(kHead + size);
  }
}

void run_databases(std::string_view input) {
  static const test::TempDir root("/dev/shm");
  static const auto honest = honest_databases();
  auto files = honest;
  patch(files, input);
  for (std::size_t i = 0; i < files.size(); ++i) {
    root.write(kFiles[i], files[i]);
    std::ignore = test::bolt_text_of(root.fd(), kFiles[i]);
  }
  std::ignore = containerd::read_state(root.fd());
}

const Target kTargetDatabases("databases", run_databases);

} // namespace
} // namespace dind::fuzz
