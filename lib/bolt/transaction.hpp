#pragma once

#include <base/result.hpp>
#include <bolt/database.hpp>
#include <bolt/draft.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace dind::bolt {

// A change of a database that another program goes on using. It is appended: each bucket that
// changed, and those around it, are written as new trees behind the last page, and one meta page
// makes them the state of the file. Nothing is renamed, so owner and mode stay.
class Transaction {
public:
  explicit Transaction(std::shared_ptr<Database> database);

  // The bucket that holds all others.
  Draft& root() { return root_; }

  // Returns the bytes written, which are on the disk by then; none where nothing changed. A
  // transaction is committed once.
  Result<std::uint64_t> commit();

private:
  std::shared_ptr<Database> database_;
  Draft root_;
};

// The content of a new file, whose root bucket is `root`: pages of 4 KiB, on which bbolt builds
// wherever it runs, and 32 KiB at least, as bbolt maps them.
std::string make_database(Draft& root);

} // namespace dind::bolt
