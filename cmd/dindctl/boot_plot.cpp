#include "boot_plot.hpp"

#include <base/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string_view>

namespace dind::ctl {
namespace {

// Pixels.
constexpr double kWidth = 840;
constexpr double kLabels = 110; // left of the bars
constexpr double kValues = 90;  // right of them
constexpr double kTop = 84;
constexpr double kRow = 24;
constexpr double kBar = 14;
constexpr double kPlot = kWidth - kLabels - kValues;
constexpr double kThinnest = 1.5;
constexpr int kTicks = 6; // at most

constexpr const char* kStyle = R"(<style>
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .dim { fill: #59636e; }
  .grid { stroke: #d1d9e0; }
  .page { fill: #ffffff; }
  .ours { fill: #0969da; } .seed { fill: #1a7f37; } .engine { fill: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .dim { fill: #9198a1; } .grid { stroke: #3d444d; } .page { fill: #0d1117; }
    .ours { fill: #4493f8; } .seed { fill: #3fb950; } .engine { fill: #db6d28; }
  }
</style>
)";

struct Kind {
  const char* style;
  const char* meaning;
};
constexpr Kind kOurs = {"ours", "dind-init"};
constexpr Kind kSeed = {"seed", "seeding"};
constexpr Kind kEngine = {"engine", "dockerd"};

const Kind& kind_of(std::string_view phase) {
  constexpr std::array<std::string_view, 3> kSeeding = {"plan", "seed", "load"};
  constexpr std::array<std::string_view, 2> kDockerd = {"launch", "ready"};
  if (std::find(kSeeding.begin(), kSeeding.end(), phase) != kSeeding.end()) {
    return kSeed;
  }
  return std::find(kDockerd.begin(), kDockerd.end(), phase) != kDockerd.end() ? kEngine : kOurs;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char letter : printable(text)) {
    switch (letter) {
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '&':
      out += "&amp;";
      break;
    case '"':
      out += "&quot;";
      break;
    default:
      out += letter;
    }
  }
  return out;
}

std::string time_for_people(double ms) {
  return ms < 1000 ? fmt::format("{:.1f} ms", ms) : fmt::format("{:.2f} s", ms / 1000);
}

// 1, 2 or 5 times a power of ten, so that few ticks cover it all.
double tick_step(double all) {
  double step = std::pow(10, std::floor(std::log10(std::max(all, 1.0) / kTicks)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (all / (step * factor) <= kTicks) {
      return step * factor;
    }
  }
  return step * 10;
}

class Drawing {
public:
  explicit Drawing(const report::Status& status) : status_(status) {
    for (const report::Phase& phase : status.phases) {
      end_ms_ = std::max(end_ms_, phase.start_ms + phase.duration_ms);
    }
    end_ms_ = std::max(end_ms_, 1.0);
  }

  std::string draw() && {
    const double bottom = kTop + kRow * static_cast<double>(status_.phases.size());
    const double height = bottom + 58;
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
        "height=\"{1}\" role=\"img\" aria-labelledby=\"title\">\n",
        kWidth, height);
    put("<title id=\"title\">{}</title>\n{}", escaped(title()), kStyle);
    put("<rect class=\"page\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n", kWidth, height);
    put("<text class=\"title\" x=\"16\" y=\"28\">{}</text>\n", escaped(title()));
    put("<text class=\"dim\" x=\"16\" y=\"48\">{}</text>\n", escaped(subtitle()));
    axis(bottom);
    for (std::size_t i = 0; i < status_.phases.size(); ++i) {
      bar(status_.phases[i], kTop + kRow * static_cast<double>(i));
    }
    legend(bottom + 44);
    text_ += "</svg>\n";
    return std::move(text_);
  }

private:
  template <typename... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  std::string title() const {
    const bool is_ready = status_.state == report::State::ready;
    return is_ready
               ? fmt::format("dind-init: the engine was ready after {}", time_for_people(end_ms_))
               : fmt::format("dind-init: {} after {}", report::name_of(status_.state),
                             time_for_people(end_ms_));
  }

  std::string subtitle() const {
    std::string text = fmt::format(
        "{} images, {} layers, {:.1f} MB; {:.1f} MB written", status_.images, status_.layers,
        static_cast<double>(status_.bytes) / 1e6, static_cast<double>(status_.bytes_written) / 1e6);
    if (!status_.engine.empty()) {
      text = fmt::format("engine {}, {}; {}", status_.engine, status_.driver, text);
    }
    return status_.strategy.empty() ? text
                                    : fmt::format("{}, mostly by {}", text, status_.strategy);
  }

  double x_of(double ms) const { return kLabels + kPlot * ms / end_ms_; }

  void axis(double bottom) {
    const double step = tick_step(end_ms_);
    for (double ms = 0; ms <= end_ms_ * 1.0001; ms += step) {
      put("<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>\n", x_of(ms),
          kTop - 8, bottom);
      put("<text class=\"dim\" x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:g}</text>\n",
          x_of(ms), bottom + 16, ms);
    }
    put("<text class=\"dim\" x=\"{}\" y=\"{}\" text-anchor=\"end\">milliseconds</text>\n",
        kLabels - 10, bottom + 16);
  }

  void bar(const report::Phase& phase, double y) {
    const double start = x_of(phase.start_ms);
    const double width = std::max(kPlot * phase.duration_ms / end_ms_, kThinnest);
    const double baseline = y + kBar - 2;
    put("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", kLabels - 10, baseline,
        escaped(phase.name));
    put("<rect class=\"{}\" x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" rx=\"2\"/>\n",
        kind_of(phase.name).style, start, y, width, kBar);
    put("<text class=\"dim\" x=\"{:.1f}\" y=\"{}\">{}</text>\n", start + width + 6, baseline,
        time_for_people(phase.duration_ms));
  }

  void legend(double y) {
    double x = kLabels;
    for (const Kind& kind : {kOurs, kSeed, kEngine}) {
      put("<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" rx=\"2\"/>\n",
          kind.style, x, y - 10);
      put("<text x=\"{}\" y=\"{}\">{}</text>\n", x + 18, y, kind.meaning);
      x += 110;
    }
  }

  const report::Status& status_;
  double end_ms_ = 0;
  std::string text_;
};

} // namespace

std::string draw(const report::Status& status) {
  return Drawing(status).draw();
}

} // namespace dind::ctl
