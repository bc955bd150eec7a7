#include <fuzz/target.hpp>

#include <store/driver_state.hpp>
#include <store/graph_metadata.hpp>
#include <support/temp_dir.hpp>

namespace dind::fuzz {
namespace {

// repositories.json, and an image's configuration as the records have it.
void run_repositories(std::string_view input) {
  static const test::TempDir root("/dev/shm");
  root.write("image/overlay2/repositories.json", input);
  std::ignore = store::read_references(root.fd(), "overlay2");
  std::ignore = store::diff_ids_of(std::string(input));
}

const Target kTargetRepositories("repositories", run_repositories);

} // namespace
} // namespace dind::fuzz
