#include <fuzz/target.hpp>

#include <cache/skeleton.hpp>
#include <store/graph_metadata.hpp>
#include <store/layer_check.hpp>
#include <store/state.hpp>
#include <support/temp_dir.hpp>

#include <fcntl.h>
#include <unistd.h>

namespace dind::fuzz {
namespace {

struct File {
  boost::filesystem::path path; // beneath the data root
  std::string content;          // of a symlink "-> TARGET"
  bool is_link() const { return content.starts_with("-> "); }
};

// "path NUL content NUL path …".
std::vector<File> files_of(std::string_view input) {
  constexpr std::size_t kMost = 64;
  const auto parts = split(input);
  std::vector<File> files;
  for (std::size_t i = 0; i + 1 < parts.size() && i < kMost; i += 2) {
    if (cache::is_safe_path(parts[i], cache::Root::refused) && parts[i].size() < 400) {
      files.push_back({parts[i], parts[i + 1]});
    }
  }
  return files;
}

// Symlinks come last, and by a parent that is reached without one: nothing is made outside.
void make_files(const test::TempDir& root, const std::vector<File>& files) {
  for (const File& file : files) {
    const auto made = sys::make_dirs((root / file.path.native()).parent_path(), 0755);
    if (made && !file.is_link()) {
      const std::string name = file.path.native();
      std::ignore = sys::replace_file_at({root.fd(), name}, file.content, 0644, sys::Durable::no);
    }
  }
  for (const File& file : files) {
    const std::string parent = file.path.has_parent_path() ? file.path.parent_path().native() : ".";
    const auto dir = sys::open_beneath(root.fd(), parent, O_RDONLY | O_DIRECTORY);
    if (dir && file.is_link()) {
      std::ignore = ::symlinkat(file.content.c_str() + 3, dir->get(), file.path.filename().c_str());
    }
  }
}

// What a boot reads of the records in a data root: layers, images, names, and flaws.
void run_data_root(std::string_view input) {
  const test::TempDir root("/dev/shm");
  make_files(root, files_of(input));
  const auto state = store::read_state(root.path().native());
  if (!state) {
    return;
  }
  for (const auto& [driver, of_driver] : state->drivers) {
    const store::LayerPlace place{root.fd(), driver, of_driver};
    for (const auto& [chain_id, layer] : of_driver.layers) {
      std::ignore = store::find_flaw(place, chain_id, {});
    }
    std::ignore = store::depths_of(of_driver.layers);
  }
}

const Target kTargetDataRoot("data_root", run_data_root);

} // namespace
} // namespace dind::fuzz
