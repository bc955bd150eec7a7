#include <store/cloning.hpp>

#include <clone/tree_cloner.hpp>

namespace dind::store {

Result<void> Cloning::run(Way way, const Fd& from, const Fd& to,
                          const std::set<std::string>& keep) const {
  const std::uint64_t before = progress.bytes;
  TRY(clone::clone_tree(from, to,
                        {.method = way == Way::clone ? method : share,
                         .jobs = jobs,
                         .interrupted = interrupted,
                         .keep = &keep},
                        progress));
  // What a cache has lost since it was verified is seen for nothing where all of it is read.
  const std::uint64_t found = progress.bytes - before;
  return way == Way::share || !bytes || found == *bytes
             ? Result<void>()
             : input_error("the cache has {} bytes of it, not {}", found, *bytes);
}

} // namespace dind::store
