#pragma once

#include <clone/dir_pair.hpp>

#include <sys/stat.h>

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace dind::clone {

// Which inodes of the source with several names already have one in the target. An
// inode is forgotten with its last name, so that the table stays small.
class LinkGroups {
public:
  struct Name {
    std::shared_ptr<TreeDir> dir;
    std::string name;
  };

  // Calls `link` with the first name of `inode`, or `make` if this is the first: under a
  // lock, so that a thread that finds a name finds its inode made, if perhaps not yet filled.
  // Where `link` fails with EMLINK, `make` makes another first. True if `make` was called.
  Result<bool> add(const struct stat& inode, const Name& here,
                   const std::function<Result<void>()>& make,
                   const std::function<Result<void>(const Name& first)>& link);

private:
  struct Key {
    dev_t device;
    ino_t number;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<ino_t>()(key.number ^ (key.device << 48U));
    }
  };
  struct Group {
    Name first;
    nlink_t left; // names still to come
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<Key, Group, Hash> groups;
  };

  std::array<Shard, 16> shards_;
};

} // namespace dind::clone
