#include <seed/load_choice.hpp>

#include <archive/sha256.hpp>

#include <gtest/gtest.h>

#include <ostream>

namespace dind::seed {
namespace {

using Names = std::vector<std::string>;

const Digest kImage = archive::sha256_of("image");       // of the cache
const Digest kOther = archive::sha256_of("other");       // another one's
const Digest kManifest = archive::sha256_of("manifest"); // what the containerd store calls kImage

struct Rule {
  const char* title;
  bool by_manifest;
  std::map<Digest, std::set<std::string>> engine;
  std::map<Digest, std::set<std::string>> receipt;
  bool present;
  Names tags;
  Names withheld;
  Names names = {"a:1", "b:1"};
};

void PrintTo(const Rule& rule, std::ostream* out) {
  *out << rule.title;
}

const Rule kRules[] = {
    {"EmptyEngine", false, {}, {}, false, {"a:1", "b:1"}, {}},
    {"Present", false, {{kImage, {"a:1", "b:1", "mine:1"}}}, {}, true, {}, {}},
    {"PresentWithoutAName", false, {{kImage, {"a:1"}}}, {}, false, {"b:1"}, {}},
    {"PresentWithoutNames", false, {{kImage, {}}}, {}, true, {}, {}, {}},
    {"AbsentWithoutNames", false, {}, {}, false, {}, {}, {}},
    {"NameOfTheUsers", false, {{kOther, {"a:1"}}}, {}, false, {"b:1"}, {"a:1"}},
    {"AllNamesOfTheUsers", false, {{kOther, {"a:1", "b:1"}}}, {}, false, {}, {"a:1", "b:1"}},
    {"NameThatTheUserMoved",
     false,
     {{kImage, {"b:1"}}, {kOther, {"a:1"}}},
     {{kImage, {"a:1", "b:1"}}},
     true,
     {},
     {"a:1"}},
    {"NameOfAnEarlierCache",
     false,
     {{kOther, {"a:1"}}},
     {{kOther, {"a:1"}}},
     false,
     {"a:1", "b:1"},
     {}},
    {"ManifestsEmptyEngine", true, {}, {{kImage, {"a:1"}}}, false, {"a:1", "b:1"}, {}},
    {"ManifestsLoadedBefore",
     true,
     {{kManifest, {"a:1", "b:1"}}},
     {{kImage, {"a:1", "b:1"}}, {kManifest, {"a:1", "b:1"}}},
     true,
     {},
     {}},
    {"ManifestsLoadedFromAnEarlierCache",
     true,
     {{kManifest, {"a:1", "b:1"}}},
     {{kOther, {"a:1", "b:1"}}, {kManifest, {"a:1", "b:1"}}},
     false,
     {"a:1", "b:1"},
     {}},
    {"ManifestsMovedByTheUser",
     true,
     {{kOther, {"a:1"}}, {kManifest, {"b:1"}}},
     {{kImage, {"a:1", "b:1"}}, {kManifest, {"a:1", "b:1"}}},
     true,
     {},
     {"a:1"}},
    {"ManifestsWithoutNames", true, {{kManifest, {}}}, {{kImage, {}}}, false, {}, {}, {}},
};

class ChooseLoadTest : public testing::TestWithParam<Rule> {};

TEST_P(ChooseLoadTest, GivesWhatIsLackingAndTakesNothingFromTheUser) {
  const Rule& rule = GetParam();
  Receipt receipt;
  receipt.images = rule.receipt;
  const LoadChoice choice =
      choose_load({.id = kImage, .names = rule.names}, {rule.by_manifest, rule.engine}, receipt);
  EXPECT_EQ(choice.present, rule.present);
  EXPECT_EQ(choice.tags, rule.tags);
  EXPECT_EQ(choice.withheld, rule.withheld);
}

INSTANTIATE_TEST_SUITE_P(Rules, ChooseLoadTest, testing::ValuesIn(kRules),
                         [](const auto& rule) { return std::string(rule.param.title); });

TEST(NoteLoadTest, RemembersBothIdsAndMovesTheNames) {
  Receipt receipt;
  receipt.images[kOther] = {"a:1", "c:1"};
  note_load(kImage, kManifest, {"a:1", "b:1"}, receipt);
  const std::set<std::string> given = {"a:1", "b:1"};
  EXPECT_EQ(receipt.images.at(kOther), std::set<std::string>{"c:1"});
  EXPECT_EQ(receipt.images.at(kImage), given);
  EXPECT_EQ(receipt.images.at(kManifest), given);
}

} // namespace
} // namespace dind::seed
