#pragma once

#include <base/fd.hpp>
#include <base/result.hpp>
#include <bolt/meta.hpp>
#include <bolt/page.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace dind::bolt {

// A bolt database, opened and locked for as long as this lives: bbolt holds the same lock (flock)
// on every file that it has open, so that a running engine is noticed. Or, beside such an engine,
// without the lock: then what was read holds if `is_current` says so afterwards.
//
// The file is hostile. It is read page by page with pread: a file that another process cuts short
// is an error here, where a mapped one would end the process with SIGBUS. Every error names the
// file, and the page where one is to blame.
class Database {
public:
  enum class Access { read, write, beside };

  // `path`, of any depth, strictly below `dir`, with no symlink followed. EWOULDBLOCK where another
  // process has it open; an error without an errno where it is no database or a damaged one.
  static Result<std::shared_ptr<Database>> open(const Fd& dir, const std::string& path,
                                                Access access);
  // The same for a descriptor. Errors call it `name`.
  static Result<std::shared_ptr<Database>> adopt(Fd file, const std::string& name, Access access);

  Database(Fd file, std::string name, const Meta& meta)
      : file_(std::move(file)), name_(std::move(name)), meta_(meta) {}

  const std::string& name() const { return name_; }
  const Meta& meta() const { return meta_; }

  // A page of a tree. All reads of one Database are 256 MiB at most, 20 times the largest store
  // seen: whatever pages refer to, no walk over them is endless.
  Result<Page> read_page(PageId id);

  // Whether the state that was opened is still the file's. As long as it is, no page of it was
  // written again: bbolt uses a page that one transaction frees in the next one at the earliest.
  Result<bool> is_current() const;

  // Makes `meta` the state of the file: `pages`, which follow its last page, first, then the meta
  // page, each flushed before the next is written. A kill or a power cut leaves the state before or
  // this one. Where `pages` cannot be written the file keeps its size: on a full volume it would
  // hold what fills it.
  Result<void> append(std::string_view pages, const Meta& meta);

private:
  Result<std::string> read_bytes(PageId first, std::uint64_t pages);
  Result<void> write_pages(std::string_view pages) const;
  Error damaged(PageId id, std::string_view what) const;

  Fd file_;
  std::string name_;
  Meta meta_;
  std::uint64_t bytes_read_ = 0;
};

} // namespace dind::bolt
