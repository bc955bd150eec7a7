#include <fuzz/target.hpp>

#include <support/layer.hpp>
#include <support/temp_dir.hpp>

namespace dind::fuzz {
namespace {

// Whatever the JSON says, only files beneath the directory are read.
void run_tar_split(std::string_view input) {
  static const test::TempDir dir;
  static const auto file = dir.write("a/b", "123456789");
  std::ignore = test::make_again(input, dir.fd());
}

const Target kTargetTarSplit("tar_split", run_tar_split);

} // namespace
} // namespace dind::fuzz
