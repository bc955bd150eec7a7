#include <seed/record_writer.hpp>

#include <store/layout.hpp>
#include <sys/workers.hpp>

namespace dind::seed {

RecordWriter::RecordWriter(store::ImageMetadata& metadata)
    : metadata_(metadata), thread_(sys::start_thread([this] { run(); })) {}

RecordWriter::~RecordWriter() {
  {
    const std::lock_guard lock(mutex_);
    waiting_.clear();
  }
  std::ignore = finish();
}

void RecordWriter::add(Entry entry) {
  if (!thread_) {
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
  if (thread_ && thread_->joinable()) {
    thread_->join();
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
  auto failure = entry.parent ? why_missing(*entry.parent) : std::nullopt;
  if (!failure) {
    failure = try_to_write(entry);
  }
  if (failure) {
    const std::lock_guard lock(mutex_);
    failed_.emplace(entry.chain_id, std::move(failure)->why);
  }
}

std::optional<Reason> RecordWriter::why_missing(const Digest& chain_id) {
  const std::lock_guard lock(mutex_);
  const auto failure = failed_.find(chain_id);
  return failure == failed_.end() ? std::nullopt : std::optional(Reason{failure->second});
}

// No exception may leave the thread: it would end PID 1 without a word.
std::optional<Reason> RecordWriter::try_to_write(const Entry& entry) const {
  try {
    auto written = write(entry);
    if (!written) {
      return Reason{std::move(written).error().within(entry.doing).describe()};
    }
    return std::nullopt;
  } catch (const std::exception& exception) {
    return Reason{fmt::format("{}: {}", entry.doing, exception.what())};
  }
}

Result<void> RecordWriter::write(const Entry& entry) const {
  const Digest& diff_id = entry.layer.diff_id;
  // A layer of its own in the data root outlives the cache, so its record must.
  const Fd tar_split = TRY(entry.cache.open_tar_split(diff_id));
  // The record last: with it the layer is there.
  TRY(metadata_.add_distribution(entry.layer));
  return metadata_.add_layer(
      {.chain_id = entry.chain_id,
       .diff_id = diff_id,
       .parent = entry.parent,
       .cache_id = store::cache_id_of(entry.chain_id),
       .size = entry.layer.bytes,
       .tar_split_path = (entry.cache.path_to_layer(diff_id) / cache::kTarSplitName).native(),
       .tar_split_file = entry.borrowed ? nullptr : &tar_split});
}

} // namespace dind::seed
