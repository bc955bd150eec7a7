#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <bolt/database.hpp>
#include <bolt/draft.hpp>
#include <bolt/transaction.hpp>

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dind::containerd {

// One of the two databases of a data root, and what it is made with.
struct DatabaseFile {
  std::string_view dir;
  mode_t dir_mode = 0;
  std::string_view name;
  mode_t mode = 0;

  std::string path() const { return std::string(dir).append("/").append(name); }
};
extern const DatabaseFile kMetaFile;
extern const DatabaseFile kBackendFile;

// Null where the file is missing, or empty as bbolt makes it.
Result<std::shared_ptr<bolt::Database>> open_database(const Fd& data_root, const DatabaseFile& file,
                                                      bolt::Database::Access access);

// A change of one of them, or a new one.
class DatabaseEdit {
public:
  // Locks it.
  static Result<DatabaseEdit> begin(const Fd& data_root, const DatabaseFile& file);

  bolt::Draft& root() { return transaction_ ? transaction_->root() : fresh_; }

  // Appends to the file that is there; where there is none, one takes its name once it is on the
  // disk. Returns the bytes written, which are on the disk by then. Nothing changed: none.
  Result<std::uint64_t> commit(const Fd& data_root);

private:
  explicit DatabaseEdit(const DatabaseFile& file) : file_(&file) {}
  Result<std::uint64_t> make_file(const Fd& data_root);

  const DatabaseFile* file_;
  std::optional<bolt::Transaction> transaction_;
  bolt::Draft fresh_;
};

} // namespace dind::containerd
