#include <seed/record_writer.hpp>

#include <store/layout.hpp>

namespace dind::seed {

RecordWriter::RecordWriter(const store::ImageMetadata& metadata) : metadata_(metadata) {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) { // a pids limit: each is written as it is added
  }
}

RecordWriter::~RecordWriter() {
  {
    const std::lock_guard lock(mutex_);
    waiting_.clear();
  }
  std::ignore = finish();
}

void RecordWriter::add(Entry entry) {
  if (!thread_.joinable()) {
    record(entry);
    return;
  }
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(entry));
  changed_.notify_one();
}

std::map<Digest, std::string> RecordWriter::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
  return std::move(failed_);
}

void RecordWriter::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return finishing_ || !waiting_.empty(); });
    if (waiting_.empty()) {
      return;
    }
    const Entry entry = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    record(entry);
    lock.lock();
  }
}

void RecordWriter::record(const Entry& entry) {
  const auto orphaned = entry.parent ? failed_.find(*entry.parent) : failed_.end();
  if (orphaned != failed_.end()) {
    failed_.emplace(entry.chain_id, orphaned->second);
  } else if (auto written = write(entry); !written) {
    failed_.emplace(entry.chain_id, std::move(written).error().within(entry.doing).describe());
  }
}

Result<void> RecordWriter::write(const Entry& entry) const {
  const Digest& diff_id = entry.layer.diff_id;
  // A layer of its own in the data root outlives the cache, so its record must.
  const Fd tar_split = TRY(entry.cache.open_tar_split(diff_id));
  TRY(metadata_.add_layer(
      {.chain_id = entry.chain_id,
       .diff_id = diff_id,
       .parent = entry.parent,
       .cache_id = store::cache_id_of(entry.chain_id),
       .size = entry.layer.bytes,
       .tar_split_path = (entry.cache.path() / cache::tar_split_file(diff_id)).native(),
       .tar_split_file = entry.borrowed ? nullptr : &tar_split}));
  return metadata_.add_distribution(entry.layer);
}

} // namespace dind::seed
