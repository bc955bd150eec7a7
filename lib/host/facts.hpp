#pragma once

#include <sys/file.hpp>

#include <string>
#include <vector>

namespace dind::host {

// The answer to a question that was put to the kernel by doing the thing.
struct Fact {
  bool holds = false;
  std::string why; // the refusal, or what was seen
};

// What holds between one cache and the data root.
struct CacheFacts {
  Fact borrow; // an overlay with its lower in the cache and its upper in the data root
};

// All that was found out about this host. After the probe nobody asks it again.
struct HostFacts {
  std::string data_root_filesystem; // for messages
  sys::FreeSpace free;
  Fact overlay; // an overlay wholly inside the data root, with a whiteout honoured
  std::vector<CacheFacts> caches; // in the order of the request
};

} // namespace dind::host
