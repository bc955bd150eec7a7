#include <outer/programs.hpp>

#include <support/expect.hpp>
#include <support/layer.hpp>

#include <gtest/gtest.h>

namespace dind::outer {
namespace {

using archive::EntryType;
using archive::TarEntry;
using test::ok;

class TarSink final : public archive::ByteSink {
public:
  Result<void> write(std::span<const std::byte> bytes) override {
    tar.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }

  std::string tar;
};

TarEntry program(const std::string& name, std::uint32_t mode = 0755) {
  return {.name = name, .mode = mode};
}

TarEntry link(const std::string& name, const std::string& target) {
  return {.name = name, .type = EntryType::symlink, .link_name = target};
}

TarEntry directory(const std::string& name) {
  return {.name = name, .type = EntryType::directory, .mode = 0755};
}

LayeredPaths base_of(const std::vector<TarEntry>& entries) {
  LayeredPaths base(program_paths());
  base.begin_layer();
  for (const TarEntry& entry : entries) {
    EXPECT_TRUE(ok(base.see(entry)));
  }
  return base;
}

const std::string kBin = "usr/local/bin/";
const std::string kStock = kBin + "dockerd-entrypoint.sh";

struct Row {
  const char* name;
  std::vector<TarEntry> base;
  bool programs;
  bool link;
};

const Row kRows[] = {
    {"Nothing", {}, true, true},
    {"Everything",
     {program(kBin + "dind-init"), program(kBin + "dindctl"), link(kStock, "dind-init")},
     false,
     false},
    {"EverythingElsewhere",
     {program("usr/bin/dind-init"), program("sbin/dindctl"), link(kStock, "/usr/bin/dind-init")},
     false,
     false},
    {"ThroughALink",
     {program("usr/bin/dind-init"), link(kBin + "dind-init", "../../bin/dind-init"),
      program(kBin + "dindctl"), link(kStock, "dind-init")},
     false,
     false},
    {"DanglingLink",
     {link(kBin + "dind-init", "/opt/dind-init"), program(kBin + "dindctl"),
      link(kStock, "dind-init")},
     true,
     true},
    {"Directory",
     {program(kBin + "dind-init"), directory(kBin + "dindctl"), link(kStock, "dind-init")},
     true,
     true},
    {"NotExecutable",
     {program(kBin + "dind-init", 0644), program(kBin + "dindctl"), link(kStock, "dind-init")},
     true,
     true},
    {"StockScript",
     {program(kBin + "dind-init"), program(kBin + "dindctl"), program(kStock)},
     false,
     true},
    {"NoLink", {program(kBin + "dind-init"), program(kBin + "dindctl")}, false, true},
    {"LinkElsewhere",
     {program(kBin + "dind-init"), program(kBin + "dindctl"), link(kStock, "/bin/sh")},
     false,
     true},
};

TEST(ProgramsTest, AreThereIfTheyCouldBeStarted) {
  for (const Row& row : kRows) {
    const Lacking lacking = look_for_programs(base_of(row.base));
    EXPECT_EQ(lacking.programs, row.programs) << row.name;
    EXPECT_EQ(lacking.link, row.link) << row.name;
  }
}

TEST(ProgramsTest, GetOnlyTheLinkWhereOnlyThatIsLacking) {
  for (const auto& [dir, target] :
       {std::pair{"usr/local/bin/", "dind-init"}, {"usr/bin/", "/usr/bin/dind-init"}}) {
    const LayeredPaths base =
        base_of({program(std::string(dir) + "dind-init"), program(kBin + "dindctl")});
    TarSink sink;
    ASSERT_TRUE(
        ok(write_programs_layer("/none", "linux/amd64", base, look_for_programs(base), sink)));
    const auto members = test::members_of(sink.tar).value();
    EXPECT_EQ(members.size(), 4U); // three directories
    EXPECT_EQ(members.back().name, kStock);
    EXPECT_EQ(members.back().link_name, target);
  }
}

} // namespace
} // namespace dind::outer
