#include <clone/link_groups.hpp>

namespace dind::clone {

Result<bool> LinkGroups::add(const struct stat& inode, const Name& here,
                             const std::function<Result<void>()>& make,
                             const std::function<Result<void>(const Name& first)>& link) {
  Shard& shard = shards_[inode.st_ino % shards_.size()];
  const std::lock_guard lock(shard.mutex);
  const Key key{inode.st_dev, inode.st_ino};
  const auto found = shard.groups.find(key);
  if (found == shard.groups.end()) {
    TRY(make());
    shard.groups.emplace(key, Group{here, inode.st_nlink - 1});
    return true;
  }
  auto linked = link(found->second.first);
  const bool full = !linked && linked.error().is(std::errc::too_many_links);
  if (full) {
    TRY(make());
    found->second.first = here;
  } else if (!linked) {
    return std::move(linked).error();
  }
  if (--found->second.left == 0) {
    shard.groups.erase(found);
  }
  return full;
}

} // namespace dind::clone
