#include <host/doctor.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace dind::host {
namespace {

Symptoms healthy() {
  Symptoms seen;
  seen.process_status = "Name:\tdindctl\nSeccomp:\t0\nCapEff:\t000001ffffffffff\n";
  seen.attr_current = "unconfined\n";
  seen.resolv_conf = "search lan\nnameserver 10.1.2.3\n";
  seen.routes = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
                "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\n"
                "eth0\t0000640A\t00000000\t0001\t0\t0\t0\t0000FFFF\n"     // 10.100.0.0/16
                "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\n"; // dockerd's own
  seen.mtu = 1500;
  return seen;
}

Finding finding_about(const std::string& about, const Symptoms& seen) {
  const auto findings = judge(seen);
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const Finding& one) { return one.about == about; });
  return found == findings.end() ? Finding{} : *found;
}

struct Case {
  const char* name;
  void (*spoil)(Symptoms&);
  const char* about;
  Grade grade;
  const char* says;
};

const Case kCases[] = {
    {"Unprivileged", [](Symptoms& seen) { seen.process_status = "CapEff:\t00000000a80425fb\n"; },
     "capabilities", Grade::trouble, "NET_ADMIN, SYS_ADMIN are missing"},
    {"AppArmor", [](Symptoms& seen) { seen.attr_current = "docker-default (enforce)\n"; }, "LSM",
     Grade::trouble, "docker-default"},
    {"AppArmorComplains", [](Symptoms& seen) { seen.attr_current = "cri-o (complain)\n"; }, "LSM",
     Grade::fine, "cri-o"},
    {"SELinux",
     [](Symptoms& seen) { seen.attr_current = "system_u:system_r:container_t:s0:c1,c2"; }, "LSM",
     Grade::trouble, "label=disable"},
    {"Seccomp",
     [](Symptoms& seen) { seen.process_status = "Seccomp:\t2\nCapEff:\t000001ffffffffff\n"; },
     "LSM", Grade::note, "seccomp=unconfined"},
    {"ReadOnlyCgroup",
     [](Symptoms& seen) { seen.cgroup_trouble = Reason{"Read-only file system"}; }, "cgroup",
     Grade::trouble, "Read-only"},
    {"NoOverlay", [](Symptoms& seen) { seen.overlay_trouble = Reason{"Invalid argument"}; },
     "overlay", Grade::note, "dindctl probe"},
    {"NoTables", [](Symptoms& seen) { seen.iptables_trouble = Reason{"Table does not exist"}; },
     "iptables", Grade::trouble, "does not exist"},
    {"NoTablesOfSix",
     [](Symptoms& seen) { seen.ip6tables_trouble = Reason{"Table does not exist"}; }, "ip6tables",
     Grade::note, "IPv6"},
    {"NoNftables",
     [](Symptoms& seen) {
       seen.wants_nftables = true;
       seen.nftables_trouble = Reason{"there is no program nft"};
     },
     "nftables", Grade::trouble, "DIND_FIREWALL_BACKEND"},
    {"NoFuse", [](Symptoms& seen) { seen.fuse_trouble = Reason{"No such file"}; }, "fuse",
     Grade::note, "fuse-overlayfs"},
    {"NoLoop", [](Symptoms& seen) { seen.loop_trouble = Reason{"No such file"}; }, "loop",
     Grade::note, "loop-mounted"},
    {"DockersOwnResolver",
     [](Symptoms& seen) { seen.resolv_conf = "nameserver 127.0.0.11\noptions ndots:0\n"; }, "DNS",
     Grade::note, "DIND_DNS"},
    {"ResolverInAPool", [](Symptoms& seen) { seen.resolv_conf = "nameserver 172.20.0.10\n"; },
     "DNS", Grade::note, "172.20.0.0/14"},
    {"ResolverInAPoolThatIsNotUsed",
     [](Symptoms& seen) {
       seen.resolv_conf = "nameserver 172.20.0.10\n";
       seen.pools = " base=10.200.0.0/16,size=24";
     },
     "DNS", Grade::fine, "172.20.0.10"},
    {"AWishThatHidesARoute", [](Symptoms& seen) { seen.pools = "10.100.7.1/24 "; }, "addresses",
     Grade::trouble, "10.100.0.0/16"},
    {"APoolThatHidesARoute",
     [](Symptoms& seen) { seen.pools = " base=10.200.0.0/16,size=24;base=10.96.0.0/12,size=24"; },
     "addresses", Grade::trouble, "10.96.0.0/12"},
    {"APoolThatHidesNone", [](Symptoms& seen) { seen.pools = " base=10.200.0.0/16,size=24"; },
     "addresses", Grade::fine, ""},
    {"AnMtuThatIsTooLarge",
     [](Symptoms& seen) {
       seen.mtu = 1450;
       seen.own_mtu = 1500;
     },
     "MTU", Grade::trouble, "downloads will hang"},
    {"NoWayOut", [](Symptoms& seen) { seen.mtu.reset(); }, "MTU", Grade::note, "no way out"},
};

class DoctorTest : public testing::TestWithParam<Case> {};

TEST_P(DoctorTest, FindsIt) {
  Symptoms seen = healthy();
  GetParam().spoil(seen);
  const Finding found = finding_about(GetParam().about, seen);
  EXPECT_EQ(found.grade, GetParam().grade) << found.says;
  EXPECT_NE(found.says.find(GetParam().says), std::string::npos) << found.says;
}

INSTANTIATE_TEST_SUITE_P(Every, DoctorTest, testing::ValuesIn(kCases),
                         [](const auto& one) { return one.param.name; });

TEST(CheckupHealthTest, AHealthyHostHasNothing) {
  for (const Finding& finding : judge(healthy())) {
    EXPECT_EQ(finding.grade, Grade::fine) << finding.about << ": " << finding.says;
  }
}

TEST(RangeTest, IsReadStrictly) {
  ASSERT_TRUE(parse_range("10.1.2.3/8"));
  EXPECT_EQ(parse_range("10.1.2.3/8")->base, 0x0a010203U);
  for (const char* bad : {"", "10.1.2.3", "10.1.2/8", "10.1.2.256/8", "10.1.2.3/33", "a.b.c.d/8",
                          "10.1.2.3/8x", "::/0"}) {
    EXPECT_FALSE(parse_range(bad)) << bad;
  }
}

} // namespace
} // namespace dind::host
