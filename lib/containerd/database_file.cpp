#include <containerd/database_file.hpp>

#include <sys/file.hpp>
#include <containerd/layout.hpp>

#include <algorithm>

namespace dind::containerd {
namespace {

constexpr mode_t kParentMode = 0700; // as dockerd makes them

// Makes `path` and its missing parents below `root`, the last with `mode`.
Result<Fd> make_dirs_beneath(const Fd& root, std::string_view path, mode_t mode) {
  Fd dir = TRY(sys::open_beneath(root, ".", O_RDONLY | O_DIRECTORY));
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string name(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
    TRY(sys::ensure_dir_at({dir, name}, path.empty() ? mode : kParentMode));
    dir = TRY(sys::open_dir_at({dir, name}));
  }
  return dir;
}

} // namespace

const DatabaseFile kMetaFile = {kMetadataDir, 0711, kMetaName, 0644};
const DatabaseFile kBackendFile = {kSnapshotterDir, 0700, kBackendName, 0600};

Result<std::shared_ptr<bolt::Database>> open_database(const Fd& data_root, const DatabaseFile& file,
                                                      bolt::Database::Access access) {
  const int flags = (access == bolt::Database::Access::write ? O_RDWR : O_RDONLY) | O_NONBLOCK;
  auto opened = sys::open_beneath(data_root, file.path(), flags);
  if (!opened && opened.error().is(std::errc::no_such_file_or_directory)) {
    return std::shared_ptr<bolt::Database>();
  }
  Fd found = TRY(std::move(opened));
  const struct stat stat = TRY(sys::stat_of(found));
  if (S_ISREG(stat.st_mode) && stat.st_size == 0) {
    return std::shared_ptr<bolt::Database>();
  }
  return bolt::Database::adopt(std::move(found), std::string(file.name), access);
}

Result<DatabaseEdit> DatabaseEdit::begin(const Fd& data_root, const DatabaseFile& file) {
  DatabaseEdit edit(file);
  auto database = TRY(open_database(data_root, file, bolt::Database::Access::write));
  if (database) {
    edit.transaction_.emplace(std::move(database));
  }
  return edit;
}

Result<std::uint64_t> DatabaseEdit::commit(const Fd& data_root) {
  return transaction_ ? transaction_->commit() : make_file(data_root);
}

Result<std::uint64_t> DatabaseEdit::make_file(const Fd& data_root) {
  bool is_empty = true;
  TRY(fresh_.each([&is_empty](const bolt::Item&) -> Result<void> {
    is_empty = false;
    return {};
  }));
  if (is_empty) {
    return std::uint64_t{0};
  }
  const Fd dir = TRY(make_dirs_beneath(data_root, file_->dir, file_->dir_mode));
  const std::string content = bolt::make_database(fresh_);
  const std::string name(file_->name);
  TRY(sys::replace_file_at({dir, name}, content, file_->mode, sys::Durable::yes));
  return content.size();
}

} // namespace dind::containerd
