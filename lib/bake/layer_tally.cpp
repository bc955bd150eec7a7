#include <bake/layer_tally.hpp>

#include <archive/member_path.hpp>
#include <base/utf8.hpp>

namespace dind::bake {

void LayerTally::see(const archive::TarEntry& entry, const std::string& path) {
  if (entry.type == archive::EntryType::global_header) {
    return;
  }
  cache::Layer& facts = layer_.facts;
  ++facts.entries;
  if (!is_utf8(path)) {
    ++odd_names_;
    odd_name_ = odd_names_ == 1 ? path : odd_name_;
  }
  if (archive::base_of(path).starts_with(archive::kWhiteoutPrefix) || recorder_.is_node(path)) {
    return;
  }
  sentinels_.see(path, entry);
  facts.only_directories = facts.only_directories && entry.type == archive::EntryType::directory;
  facts.bytes += entry.type == archive::EntryType::file      ? entry.size
                 : entry.type == archive::EntryType::symlink ? entry.link_name.size()
                                                             : 0;
}

Result<cache::Skeleton> LayerTally::finish(const MakeSentinel& make_sentinel) {
  cache::Layer& facts = layer_.facts;
  facts.copy_reason = recorder_.copy_reason();
  for (const std::string& path : sentinels_.paths(recorder_.capable())) {
    facts.sentinels.push_back(TRY(make_sentinel(path)));
  }
  cache::Skeleton skeleton = recorder_.take();
  facts.marks = skeleton.marks();
  facts.mark_dirs = skeleton.mark_dirs().size();
  if (odd_names_ > 0) {
    layer_.warnings.push_back(
        fmt::format("{} names are not UTF-8, the first is {}: BuildKit's COPY of a build "
                    "context refuses them; RUN, COPY --from and `docker commit` do not",
                    odd_names_, printable(odd_name_)));
  }
  return skeleton;
}

} // namespace dind::bake
