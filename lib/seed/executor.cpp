#include <seed/executor.hpp>

#include <seed/clearing.hpp>
#include <seed/image_writer.hpp>
#include <seed/open_store.hpp>
#include <seed/record_writer.hpp>
#include <store/layout.hpp>
#include <store/open_driver.hpp>
#include <sys/dir.hpp>
#include <sys/written.hpp>

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace dind::seed {
namespace {

const std::string kOwn = store::kOwnDir;

// Carries out the steps one by one and remembers what they left behind.
class Executor {
public:
  Executor(const Execution& what, const Store& store, SeedProgress& progress)
      : what_(what), driver_(*store.driver), metadata_(*store.metadata), progress_(progress),
        maker_(
            driver_, what.caches,
            {.jobs = what.jobs, .share = what.share, .interrupted = [this] { return is_over(); }},
            progress.files) {}

  Result<SeedReport> run(const Fd& own_dir) {
    TRY(clear_the_way(own_dir));
    // From here on everything of ours that the data root holds was checked, or is made now.
    if (auto begun = write_receipt(own_dir, receipt_to_begin()); !begun && !is_known()) {
      return std::move(begun).error();
    }
    progress_.layers_in_all = what_.plan.layers.size();
    for (const LayerStep& step : what_.plan.layers) {
      if (what_.interrupted()) {
        return Error("seed", ECANCELED);
      }
      add_layer(step);
      ++progress_.layers_done;
    }
    finish_records();
    if (what_.interrupted()) { // what failed then may have failed for that
      return Error("seed", ECANCELED);
    }
    for (const ImageStep& step : what_.plan.images) {
      images_.add(step, failed_);
    }
    TRY(metadata_.flush());
    // Before the names: one that is given and not in the receipt would be taken for the
    // user's by the boot after a killed one, and never move again.
    TRY(end_receipt(own_dir));
    TRY(images_.name());
    return std::move(report_);
  }

private:
  bool out_of_time() const {
    return what_.deadline && std::chrono::steady_clock::now() >= *what_.deadline;
  }
  bool is_over() const { return what_.interrupted() || out_of_time(); }

  // A full volume takes none. Where all is there and known, that of an earlier boot will do: the
  // next one looks at everything again.
  Result<void> end_receipt(const Fd& own_dir) {
    auto written = write_receipt(own_dir, report_.receipt);
    if (!written && is_known()) {
      report_.warnings.push_back(
          "the receipt is not written, so the next boot checks all layers again: " +
          std::move(written).error().describe());
      return {};
    }
    return written;
  }

  bool is_known() const {
    const auto& steps = what_.plan.layers;
    return what_.receipt.driver == what_.driver && images_.are_known() &&
           std::all_of(steps.begin(), steps.end(),
                       [](const LayerStep& step) { return step.method == Method::present; });
  }

  // Written before the first layer: a finished layer does not show whether it was reflinked or
  // copied, so that after a kill only the receipt knows.
  Receipt receipt_to_begin() const {
    Receipt receipt = report_.receipt;
    for (const LayerStep& step : what_.plan.layers) {
      if (step.method != Method::present) {
        receipt.layers[step.chain_id] = name_of(step.method);
      }
    }
    return receipt;
  }

  Result<void> clear_the_way(const Fd& own_dir) {
    report_.receipt =
        TRY(clear({what_.plan, what_.state, what_.receipt}, driver_, metadata_, own_dir));
    report_.receipt.boot_id = what_.boot_id;
    report_.receipt.driver = what_.driver;
    if (what_.receipt.boot_id != what_.boot_id || what_.receipt.driver != what_.driver) {
      write_again();
    }
    // A layer that is made anew is withdrawn until it is whole. Children go first: after a kill
    // the next boot would take a child without its parent for a user's layer.
    const auto& steps = what_.plan.layers;
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      if (step->method != Method::present && what_.state.layers.contains(step->chain_id)) {
        TRY(withdraw(*step));
      }
    }
    return {};
  }

  // A needed layer keeps its record and loses its tar-split: dockerd then reports an error instead
  // of showing wrong files.
  Result<void> withdraw(const LayerStep& step) {
    TRY(step.needed ? metadata_.suspend_layer(step.chain_id)
                    : metadata_.remove_layer(step.chain_id));
    return driver_.remove(store::cache_id_of(step.chain_id));
  }

  // Small files of what is there, of which another boot of the kernel may have lost the content.
  void write_again() {
    for (const LayerStep& step : what_.plan.layers) {
      if (step.method == Method::present && what_.state.layers.at(step.chain_id).ours) {
        std::ignore = metadata_.add_distribution(layer_of(step)); // pulls and pushes know less
      }
    }
    images_.write_again();
  }

  void add_layer(const LayerStep& step) {
    if (step.method == Method::present) {
      keep_layer(step);
      return;
    }
    if (out_of_time()) {
      failed_.emplace(step.chain_id, kOutOfTime);
      return;
    }
    std::vector<Method> methods = {step.method};
    methods.insert(methods.end(), step.otherwise.begin(), step.otherwise.end());
    std::string failure;
    for (const Method method : methods) {
      auto made = make_layer(step, method);
      if (made) {
        if (method != step.method) {
          report_.warnings.push_back(
              fmt::format("{}, so it was seeded by {}", failure, name_of(method)));
        }
        made_.emplace_back(&step, method);
        return;
      }
      if (made.error().is(std::errc::operation_canceled)) {
        failure = kOutOfTime;
        break;
      }
      failure = std::move(made).error().describe();
    }
    fail(step, failure);
  }

  // Undoes a layer that failed halfway: it may have files, with or without a record. If undoing
  // fails too, the receipt keeps the layer, so that the next boot removes it.
  void fail(const LayerStep& step, const std::string& why) {
    if (withdraw(step)) {
      report_.receipt.layers.erase(step.chain_id);
    } else {
      report_.receipt.layers[step.chain_id] = name_of(step.method);
    }
    failed_.emplace(step.chain_id, why);
    if (step.needed) {
      report_.warnings.push_back(fmt::format(
          "layer {} could not be made anew, so what a user built or started on it fails: {}",
          step.diff_id.short_hex(), why));
    }
  }

  // Children first: a directory of which others tell may not go before them.
  void finish_records() {
    const auto unrecorded = records_.finish();
    for (auto made = made_.rbegin(); made != made_.rend(); ++made) {
      const auto& [step, method] = *made;
      if (const auto failure = unrecorded.find(step->chain_id); failure != unrecorded.end()) {
        fail(*step, failure->second);
      } else {
        report_.receipt.layers[step->chain_id] = name_of(method);
        count(*step, method);
      }
    }
  }

  void keep_layer(const LayerStep& step) {
    const store::PresentLayer& layer = what_.state.layers.at(step.chain_id);
    cache_ids_.emplace(step.chain_id, layer.cache_id);
    count(step, Method::present);
    if (layer.ours) { // unless the receipt was lost, it tells more
      report_.receipt.layers.emplace(
          step.chain_id, name_of(layer.borrowed_from.empty() ? Method::copy : Method::link));
    }
  }

  void count(const LayerStep& step, Method method) {
    ++report_.layers[method];
    report_.bytes[method] += layer_of(step).bytes;
  }

  const cache::Layer& layer_of(const LayerStep& step) const {
    return *what_.caches[step.cache]->manifest().find(step.diff_id);
  }

  Result<void> make_layer(const LayerStep& step, Method method) {
    const std::string doing = fmt::format("{} layer {}", name_of(method), step.diff_id.short_hex());
    const auto parent = TRY(parent_of(step));
    TRY(maker_.make(step, method, parent).within(doing));
    records_.add({.cache = *what_.caches[step.cache],
                  .layer = layer_of(step),
                  .chain_id = step.chain_id,
                  .parent = step.parent,
                  .borrowed = method == Method::link,
                  .doing = doing});
    cache_ids_.emplace(step.chain_id, store::cache_id_of(step.chain_id));
    return {};
  }

  Result<store::StorageDriver::OptionalParent> parent_of(const LayerStep& step) {
    if (!step.parent) {
      return store::StorageDriver::OptionalParent();
    }
    if (const auto failure = failed_.find(*step.parent); failure != failed_.end()) {
      return Error(failure->second);
    }
    if (const auto failure = records_.why_missing(*step.parent)) {
      return Error(failure->why);
    }
    const auto made = cache_ids_.find(*step.parent);
    const auto known = what_.state.layers.find(*step.parent);
    if (made == cache_ids_.end() && known == what_.state.layers.end()) {
      return Error("its parent is missing");
    }
    return store::StorageDriver::OptionalParent(store::StorageDriver::Parent{
        *step.parent, made != cache_ids_.end() ? made->second : known->second.cache_id});
  }

  const Execution& what_;
  store::StorageDriver& driver_;
  store::ImageMetadata& metadata_;
  SeedProgress& progress_;
  LayerMaker maker_;
  RecordWriter records_{metadata_};
  std::vector<std::pair<const LayerStep*, Method>> made_;
  std::map<Digest, std::string> cache_ids_; // of layers that are there, by chain ID
  std::map<Digest, std::string> failed_;    // and why, by chain ID
  SeedReport report_;
  ImageWriter images_{what_, metadata_, report_};
};

} // namespace

Result<SeedReport> execute(const Execution& what, const Fd& data_root, SeedProgress& progress) {
  const sys::Written before = sys::written_so_far();
  const Store store = TRY(open_store(data_root, what.driver, what.users));
  const Fd own_dir = TRY(sys::open_dir_at({data_root, kOwn}));
  auto report = Executor(what, store, progress).run(own_dir);
  std::ignore = store::open_staging(data_root); // which empties it
  if (!report) {
    return report;
  }
  const sys::Written after = sys::written_so_far();
  report->bytes_written = after.bytes - before.bytes;
  report->files_written = after.files - before.files;
  return report;
}

} // namespace dind::seed
