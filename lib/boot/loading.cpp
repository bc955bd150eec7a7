#include <boot/loading.hpp>

#include <base/log.hpp>
#include <boot/private_engine.hpp>
#include <boot/progress_line.hpp>
#include <daemon/engine_api.hpp>
#include <seed/load_choice.hpp>
#include <seed/load_stream.hpp>
#include <store/layout.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace dind::boot {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kStartPatience = std::chrono::minutes(2);
constexpr auto kQuestionTimeout = std::chrono::seconds(30);
// An engine says nothing while it unpacks a layer, which may be large and its disk slow.
constexpr auto kStepTimeout = std::chrono::minutes(10);
constexpr auto kStopPatience = std::chrono::seconds(30); // dockerd gives itself 15
constexpr auto kShortPatience = std::chrono::seconds(3);

// Loads image by image, and remembers what came of each.
class Loader {
public:
  Loader(const config::Settings& settings, const Seeding& seeding,
         const std::function<bool()>& stopped)
      : seeding_(seeding), stopped_(stopped) {
    if (settings.seed_budget.count() > 0) {
      deadline_ = Clock::now() + settings.seed_budget;
    }
    report_.receipt = seeding.seen.receipt;
    report_.bytes[seed::Method::load] = 0; // also those of layers that the engine had
    if (report_.receipt.layers.empty()) {  // else they are still to be checked after a reboot
      report_.receipt.boot_id = seeding.seen.boot_id;
      report_.receipt.driver = seeding.driver.driver;
    }
  }

  bool is_over() const { return stopped_() || is_out_of_time(); }

  void warn(std::string warning) { report_.warnings.push_back(std::move(warning)); }

  void give_up(std::string why) {
    why_none_ = Reason{"no image can be loaded: " +
                       (is_out_of_time() ? std::string(seed::kOutOfTime) : std::move(why))};
    report_.why_missing = why_none_;
    warn(why_none_->why);
  }

  // Takes up the engine's own list of images.
  Result<void> ask(const std::string& socket) {
    const daemon::EngineApi api(socket, kQuestionTimeout);
    engine_.by_manifest = TRY(api.storage()).containerd_store;
    engine_.names = TRY(names_of(api));
    for (const seed::ImageStep& step : seeding_.plan.images) {
      const cache::Image& image = image_of(step);
      if (choose(image).present || (!engine_.by_manifest && engine_.names.contains(image.id))) {
        count(step, seed::Method::present);
      }
    }
    return {};
  }

  // Takes an image for what the data root tells of it, or for missing: there is no engine.
  void add_unasked(const seed::ImageStep& step) {
    if (step.fate == seed::ImageStep::Fate::present) {
      keep(step);
    } else {
      add(step, [](const seed::LoadChoice&) { return Reason{"no engine was started for it"}; });
    }
  }

  // Loads an image if the engine lacks it, or a name of it.
  void add_with(PrivateEngine& engine, const std::string& socket, const seed::ImageStep& step) {
    add(step, [&](const seed::LoadChoice& choice) {
      auto loaded = load(step, choice, engine, socket);
      return loaded ? std::nullopt : std::optional(reason_of(loaded.error(), engine));
    });
  }

  seed::SeedReport finish() { return std::move(report_); }

private:
  using Names = std::map<Digest, std::set<std::string>>;

  bool is_out_of_time() const { return deadline_ && Clock::now() >= *deadline_; }

  seed::LoadChoice choose(const cache::Image& image) const {
    return seed::choose_load(image, engine_, report_.receipt);
  }

  // `load` says why it failed.
  void add(const seed::ImageStep& step,
           const std::function<std::optional<Reason>(const seed::LoadChoice&)>& load) {
    const cache::Image& image = image_of(step);
    const seed::LoadChoice choice = choose(image);
    if (choice.present) {
      keep(step);
      return;
    }
    if (step.fate == seed::ImageStep::Fate::unwanted) {
      return;
    }
    for (const std::string& name : choice.withheld) {
      warn(fmt::format("{} stays with the image that the user gave it to", name));
    }
    if (why_none_) {
      report_.images_missing.push_back(cache::label_of(image));
      return;
    }
    auto failure = step.missing       ? step.missing
                   : is_out_of_time() ? std::optional(Reason{seed::kOutOfTime})
                                      : load(choice);
    if (!failure) {
      ++report_.images;
      return;
    }
    report_.images_missing.push_back(cache::label_of(image));
    warn(fmt::format("image {} is not seeded: {}", cache::label_of(image), failure->why));
    if (!report_.why_missing) {
      report_.why_missing = Reason{report_.warnings.back()};
    }
  }

  void keep(const seed::ImageStep& step) {
    count(step, seed::Method::present);
    ++report_.images;
  }

  static Result<Names> names_of(const daemon::EngineApi& api) {
    Names names;
    const auto images = TRY(api.images());
    for (const daemon::ImageSummary& image : images) {
      names[TRY(Digest::parse(image.id))].insert(image.names.begin(), image.names.end());
    }
    return names;
  }

  const cache::Cache& cache_of(const seed::ImageStep& step) const {
    return seeding_.caches.open[step.cache];
  }
  const cache::Image& image_of(const seed::ImageStep& step) const {
    return cache_of(step).manifest().images[step.image];
  }

  // Counts the layers of an image that the engine has now, each once.
  void count(const seed::ImageStep& step, seed::Method method) {
    const cache::Image& image = image_of(step);
    const auto chain = cache::chain_ids(image.layers);
    for (std::size_t i = 0; i < chain.size(); ++i) {
      if (held_.insert(chain[i]).second) {
        ++report_.layers[method];
        report_.bytes[seed::Method::load] += cache_of(step).manifest().find(image.layers[i])->bytes;
      }
    }
  }

  Result<void> load(const seed::ImageStep& step, const seed::LoadChoice& choice,
                    PrivateEngine& engine, const std::string& socket) {
    const cache::Image& image = image_of(step);
    const seed::LoadRequest request{.cache = cache_of(step),
                                    .image = image,
                                    .tags = choice.tags,
                                    .held = engine_.by_manifest ? std::set<Digest>() : held_};
    const auto archive = TRY(seed::open_load_stream(request));
    const auto reader = [&](std::span<std::byte> into) -> Result<std::size_t> {
      const std::size_t got = TRY(archive->read(into));
      sent_ += got;
      return got;
    };
    loading_ = &image;
    const auto interrupted = [&]() {
      tell_progress_();
      return is_over() || !engine.runs();
    };
    TRY(daemon::EngineApi(socket, kStepTimeout).load(reader, interrupted));
    count(step, seed::Method::load);
    return note(image, choice.tags, daemon::EngineApi(socket, kQuestionTimeout));
  }

  // Writes down at once what is there now: the next boot goes by it.
  Result<void> note(const cache::Image& image, const std::vector<std::string>& tags,
                    const daemon::EngineApi& api) {
    engine_.names = TRY(names_of(api));
    Digest engine_id = image.id;
    for (const auto& [id, names] : engine_.names) {
      if (!tags.empty() && names.contains(tags.front())) {
        engine_id = id;
      }
    }
    seed::note_load(image.id, engine_id, tags, report_.receipt);
    const std::string own = store::kOwnDir;
    const Fd own_dir = TRY(sys::open_dir_at({seeding_.root.dir, own}));
    return seed::write_receipt(own_dir, report_.receipt);
  }

  Reason reason_of(const Error& error, PrivateEngine& engine) const {
    if (!engine.runs()) {
      return {"the engine ended while it loaded"};
    }
    return {error.is(std::errc::operation_canceled) && is_out_of_time() ? seed::kOutOfTime
                                                                        : error.describe()};
  }

  const Seeding& seeding_;
  const std::function<bool()>& stopped_;
  seed::EngineImages engine_;
  std::optional<Clock::time_point> deadline_;
  std::optional<Reason> why_none_; // no image can be loaded
  std::set<Digest> held_;          // chain IDs of layers that the engine has
  seed::SeedReport report_;
  const cache::Image* loading_ = nullptr; // now
  std::uint64_t sent_ = 0;
  ProgressLine tell_progress_{[this] {
    return fmt::format("loading {}: {} images are there, {} MB were sent in all",
                       cache::label_of(*loading_), report_.images, sent_ / 1'000'000);
  }};
};

bool has_all_names(const cache::Image& image, const store::DriverState& state) {
  return std::all_of(image.names.begin(), image.names.end(), [&](const std::string& name) {
    return state.references.contains(name); // perhaps with an image of the user's
  });
}

// A directory that only root can enter, and that goes with its owner: dockerd gives its
// socket to the group `docker`, which may have members.
class PrivateDir {
public:
  static Result<PrivateDir> make(const fs::path& runtime_dir) {
    PrivateDir dir(TRY(sys::open_dir(runtime_dir)), runtime_dir);
    TRY(sys::remove_tree_at({dir.parent_, dir.name_})); // of a boot that was killed
    TRY(sys::make_dir_at({dir.parent_, dir.name_}, 0700));
    return dir;
  }
  ~PrivateDir() {
    if (parent_) {
      std::ignore = sys::remove_tree_at({parent_, name_});
    }
  }
  PrivateDir(PrivateDir&&) = default;
  PrivateDir& operator=(PrivateDir&&) = delete;

  fs::path path() const { return runtime_dir_ / name_; }

private:
  PrivateDir(Fd parent, fs::path runtime_dir)
      : parent_(std::move(parent)), runtime_dir_(std::move(runtime_dir)) {}

  Fd parent_;
  fs::path runtime_dir_;
  std::string name_ = "load";
};

// An error means that nothing can be loaded.
Result<void> load_with_engine(const Seeding& seeding, const LoadingEngine& how, Loader& loader,
                              const std::function<bool()>& stopped) {
  const PrivateDir dir = TRY(PrivateDir::make(how.runtime_dir));
  const daemon::Launch launch = TRY(daemon::configure_private(
      how.invocation, how.flags, how.file, how.choice, dir.path(), how.notify.path().native()));
  const auto is_over = [&]() { return loader.is_over(); };
  PrivateEngine engine =
      TRY(PrivateEngine::start(launch, how.notify, how.mask, is_over, kStartPatience));
  TRY(loader.ask(launch.api));
  for (const seed::ImageStep& step : seeding.plan.images) {
    if (stopped()) {
      break;
    }
    loader.add_with(engine, launch.api, step);
  }
  if (!engine.stop(stopped() ? kShortPatience : kStopPatience)) {
    loader.warn("the dockerd that loaded the images did not end by SIGTERM, and was killed");
  }
  return {};
}

// Whether there is something to load, as far as the data root tells.
bool has_to_load(const Seeding& seeding) {
  const store::DriverState& state = seeding.seen.state.of(seeding.driver.driver);
  return std::any_of(
      seeding.plan.images.begin(), seeding.plan.images.end(), [&](const seed::ImageStep& step) {
        const cache::Cache& cache = seeding.caches.open[step.cache];
        const cache::Image& image = cache.manifest().images[step.image];
        const bool is_there =
            step.fate == seed::ImageStep::Fate::present && has_all_names(image, state);
        return step.fate != seed::ImageStep::Fate::unwanted && !step.missing && !is_there;
      });
}

} // namespace

seed::SeedReport load_images(const config::Settings& settings, const Seeding& seeding,
                             const LoadingEngine& how, const std::function<bool()>& stopped) {
  const auto before = sys::free_space(seeding.root.dir);
  Loader loader(settings, seeding, stopped);
  const bool is_needed = has_to_load(seeding);
  const auto done = is_needed ? load_with_engine(seeding, how, loader, stopped) : Result<void>();
  if (!done) {
    loader.give_up(done.error().describe());
  }
  if (!is_needed || !done) {
    for (const seed::ImageStep& step : seeding.plan.images) {
      loader.add_unasked(step);
    }
  }
  seed::SeedReport report = loader.finish();
  const auto after = sys::free_space(seeding.root.dir);
  return before && after ? seed::with_space_taken(std::move(report), *before, *after) : report;
}

} // namespace dind::boot
