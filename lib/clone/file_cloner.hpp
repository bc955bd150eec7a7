#pragma once

#include <clone/data_copier.hpp>
#include <clone/link_groups.hpp>
#include <clone/metadata.hpp>
#include <clone/options.hpp>
#include <clone/work_stack.hpp>

#include <sys/dir.hpp>

#include <atomic>
#include <memory>

namespace dind::clone {

// A directory whose entries are being cloned.
struct CloneSite {
  std::shared_ptr<TreeDir> dir;
  const DirPair& pair;
  Birth birth; // of what is made in the target
};

// Clones what is no directory. One for a tree, used by all its threads.
class FileCloner {
public:
  // `spare` is how many files may wait for a thread with their descriptors open.
  FileCloner(const Fd& to_root, CloneMethod method, unsigned spare, CloneProgress& progress,
             WorkStack& work)
      : to_root_(to_root), method_(method), spare_(spare), progress_(progress), work_(work) {}

  // Takes the place of what has the name in the target. Errors do not name the path.
  Result<void> clone(const CloneSite& site, const sys::DirEntry& entry);

private:
  struct OpenFile;

  Result<void> link(const CloneSite& site, const sys::DirEntry& entry);
  Result<void> remake(const CloneSite& site, const sys::DirEntry& entry);
  Result<void> remake_file(const CloneSite& site, const std::string& name);
  Result<void> remake_node(const CloneSite& site, const std::string& name);
  Result<bool> make_or_link(const CloneSite& site, const std::string& name,
                            const struct stat& status, const std::function<Result<void>()>& make);
  Result<void> link_to_first(const CloneSite& site, const std::string& name,
                             const LinkGroups::Name& first);
  Result<void> fill(const OpenFile& file);
  Result<void> fill_data(const OpenFile& file);
  bool may_hand_over(const struct stat& status);
  void hand_over(std::shared_ptr<OpenFile> file, const CloneSite& site, const std::string& name);

  const Fd& to_root_;
  const CloneMethod method_;
  const unsigned spare_;
  CloneProgress& progress_;
  WorkStack& work_;
  DataCopier data_;
  LinkGroups groups_;
  std::atomic<unsigned> handed_over_{0};
};

} // namespace dind::clone
