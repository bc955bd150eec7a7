#include <host/iptables.hpp>

#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <array>

namespace dind::host {
namespace {

struct TablesCase {
  const char* name;
  IptablesFacts facts;
  IptablesStep next;
  Tables tables;
};

class ChooseTablesTest : public testing::TestWithParam<TablesCase> {};

TEST_P(ChooseTablesTest, GoesTheStockWay) {
  const IptablesChoice choice = choose_tables(GetParam().facts);
  EXPECT_EQ(choice.next, GetParam().next);
  EXPECT_EQ(choice.tables, GetParam().tables);
  EXPECT_EQ(choice.why.empty(), choice.next != IptablesStep::done);
}

using Step = IptablesStep;
const TablesCase kTables[] = {
    {"WishForLegacy", {.wish = true}, Step::done, Tables::legacy},
    {"WishAgainstLegacyRules",
     {.wish = false, .has_legacy_rules = true},
     Step::done,
     Tables::standard},
    {"LegacyRules", {.has_legacy_rules = true}, Step::done, Tables::legacy},
    {"NothingKnown", {}, Step::try_standard, Tables::standard},
    {"StandardWorks", {.standard_works = true}, Step::done, Tables::standard},
    {"StandardFails", {.standard_works = false}, Step::load_and_try_standard, Tables::standard},
    {"StandardNeedsModules",
     {.standard_works = false, .standard_works_with_modules = true},
     Step::done,
     Tables::standard},
    {"StandardFailsForGood",
     {.has_legacy_variant = true, .standard_works = false, .standard_works_with_modules = false},
     Step::load_and_try_legacy,
     Tables::legacy},
    {"NoLegacyPrograms",
     {.standard_works = false, .standard_works_with_modules = false},
     Step::done,
     Tables::standard},
    {"LegacyWorks",
     {.has_legacy_variant = true,
      .standard_works = false,
      .standard_works_with_modules = false,
      .legacy_works = true},
     Step::done,
     Tables::legacy},
    {"NothingWorks",
     {.has_legacy_variant = true,
      .standard_works = false,
      .standard_works_with_modules = false,
      .legacy_works = false},
     Step::done,
     Tables::standard},
};

INSTANTIATE_TEST_SUITE_P(Every, ChooseTablesTest, testing::ValuesIn(kTables),
                         [](const auto& row) { return row.param.name; });

TEST(LegacyRulesTest, AreThereIfAnyListNamesATable) {
  const test::TempDir net;
  const std::array<fs::path, 3> lists = {net / "ip", net / "ip6", net / "missing"};
  net.write("ip", "");
  net.write("ip6", "");
  EXPECT_FALSE(has_legacy_rules(lists));
  net.write("ip6", "filter\nnat\n");
  EXPECT_TRUE(has_legacy_rules(lists));
}

} // namespace
} // namespace dind::host
