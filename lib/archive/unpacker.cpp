#include <archive/unpacker.hpp>

#include <archive/member_maker.hpp>
#include <archive/open_dirs.hpp>

#include <array>

namespace dind::archive {
namespace {

// The tree as files beneath a directory.
class DiskTree final : public TreeMaker {
public:
  DiskTree(const Fd& root, Marks& marks) : root_(root), marks_(marks), maker_(marks), dirs_(root) {}

  Result<void> directory(const Spot& spot, const TarEntry& entry, Exists exists) override {
    return maker_.directory(TRY(place_of(spot.path)), entry, exists);
  }
  Result<void> implied_directory(const Spot& spot) override {
    return MemberMaker::implied_directory(TRY(place_of(spot.path)));
  }
  Result<void> file(const Spot& spot, const TarEntry& entry, TarReader& reader) override {
    return maker_.file(TRY(place_of(spot.path)), entry, reader);
  }
  Result<void> symlink(const Spot& spot, const TarEntry& entry) override {
    return maker_.symlink(TRY(place_of(spot.path)), entry);
  }
  Result<void> hard_link(const Spot& spot, const TarEntry& entry, const std::string& target,
                         Target kind) override {
    const Place place = TRY(place_of(spot.path));
    return maker_.hard_link(place, entry, TRY(place_of(target)), kind);
  }
  Result<void> whiteout(const Spot& spot, const TarEntry& entry) override {
    const Place place = TRY(place_of(spot.path));
    return marks_.whiteout(place.at(), spot.path, entry);
  }
  Result<void> override_whiteout(const Spot& spot) override {
    const Place place = TRY(place_of(spot.path));
    return marks_.override_whiteout(place.at(), spot.path);
  }
  Result<void> opaque(const std::string& path) override {
    const auto dir = TRY(dirs_.open(path));
    return marks_.opaque(*dir, path);
  }
  Result<void> node(const Spot& spot, const TarEntry& entry) override {
    const Place place = TRY(place_of(spot.path));
    return marks_.node(place.at(), spot.path, entry);
  }
  Result<void> link_node(const Spot& spot, const std::string& target,
                         const TarEntry& entry) override {
    const Place place = TRY(place_of(spot.path));
    return marks_.link_node(place.at(), spot.path, target, entry);
  }
  Result<void> implied(const std::string& path) override { return marks_.implied(path); }
  Result<void> set_time(const std::string& path, timespec time) override {
    if (!path.empty()) {
      return MemberMaker::set_time(TRY(place_of(path)), time);
    }
    const std::array<timespec, 2> times = {time, time};
    if (::futimens(root_.get(), times.data()) == -1) {
      return errno_error("set times of the layer's root");
    }
    return {};
  }

private:
  Result<Place> place_of(const std::string& path) {
    auto parent = TRY(dirs_.open(parent_of(path))); // in the braces, g++ 12 leaks members before it
    return Place{path, std::move(parent), std::string(base_of(path))};
  }

  const Fd& root_;
  Marks& marks_;
  MemberMaker maker_;
  OpenDirs dirs_;
};

} // namespace

struct Unpacker::State {
  State(const Fd& root, Marks& marks) : tree(root, marks), rules(tree) {}

  DiskTree tree;
  LayerRules rules;
};

Unpacker::Unpacker(const Fd& root, Marks& marks) : state_(std::make_unique<State>(root, marks)) {}

Unpacker::~Unpacker() = default;

Result<void> Unpacker::add(const TarEntry& entry, TarReader& reader) {
  return state_->rules.add(entry, reader);
}

Result<void> Unpacker::finish() {
  return state_->rules.finish();
}

} // namespace dind::archive
