#include <registry/missed.hpp>

#include <base/log.hpp>
#include <sys/file.hpp>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

namespace dind::registry {
namespace {

// Of "alpine:3.20" and "alpine@sha256:…".
std::string repository_in(std::string_view reference) {
  const std::size_t at = reference.find('@');
  return std::string(reference.substr(0, at != std::string_view::npos ? at : reference.rfind(':')));
}

} // namespace

Missed::Missed(Fd file) : file_(std::move(file)) {
  const auto before = sys::read_all(file_, kMissedLimit);
  for (std::string_view rest = before ? std::string_view(*before) : ""; !rest.empty();) {
    const std::string line(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    std::ignore = is_new(line);
  }
}

void Missed::add(const std::string& reference) {
  const std::lock_guard lock(mutex_);
  if (!is_new(reference)) {
    return;
  }
  if (const auto written = sys::write_all(file_, reference + "\n"); !written) {
    log::debug("registry: {} is not noted: {}", reference, written.error().describe());
  }
}

bool Missed::is_new(const std::string& reference) {
  const bool is_tag = reference.find('@') == std::string::npos;
  if (bytes_ + reference.size() >= kMissedLimit || known_.contains(reference) ||
      (!is_tag && repositories_.contains(repository_in(reference)))) {
    return false;
  }
  known_.insert(reference);
  bytes_ += reference.size() + 1;
  if (is_tag) {
    repositories_.insert(repository_in(reference));
  }
  return true;
}

} // namespace dind::registry
