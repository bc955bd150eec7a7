#pragma once

#include <base/reason.hpp>
#include <base/result.hpp>
#include <cache/reader.hpp>
#include <store/image_metadata.hpp>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace dind::seed {

// Writes the records of layers on a thread of its own, while the next layers are made: half of what
// a borrowed layer costs. In the order given, so that no record comes before its layer, nor before
// the one of its parent. Where no thread can be had, by `add` itself.
class RecordWriter {
public:
  // A layer whose files are there. All it refers to must outlive the writer.
  struct Entry {
    const cache::Cache& cache;
    const cache::Layer& layer;
    Digest chain_id;
    std::optional<Digest> parent;
    bool borrowed = false; // then tar-split is borrowed, too
    std::string doing;     // for errors: what the layer is and how it was made
  };

  explicit RecordWriter(store::ImageMetadata& metadata);
  ~RecordWriter(); // leaves out what is not begun
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  void add(Entry entry);

  // Of the layers that were added, why this one has no record; nullopt as long as none is known to
  // be missing.
  std::optional<Reason> why_missing(const Digest& chain_id);

  // Ends when all are written; nothing may be added after it. The layers without a record, by chain
  // ID, and why: those whose parent has none are among them.
  std::map<Digest, std::string> finish();

private:
  void run();
  void record(const Entry& entry);
  std::optional<Reason> try_to_write(const Entry& entry) const; // why not
  Result<void> write(const Entry& entry) const;

  store::ImageMetadata& metadata_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> waiting_;            // under the mutex
  bool finishing_ = false;               // under the mutex
  std::map<Digest, std::string> failed_; // under the mutex
  std::optional<std::jthread> thread_;   // last: it uses all of the above
};

} // namespace dind::seed
