// The table of options, and every way a configuration can be wrong.
#include "app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "app/option_table.h"
#include "base/disk.h"
#include "tests/support/source_root.h"

namespace cd {
namespace {

using testing::HasSubstr;

std::string error_of(const std::string& toml, const std::string& url = "") {
  Config config;
  const Status status = apply_toml(config, toml, "c.toml", url);
  return status ? "" : status.error().message;
}

TEST(ConfigTest, DefaultsAreValid) {
  const auto config = load_config({"/dev/null", "", {}, {}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->memory_limit, 256u << 20);
  BatchOptions batch = config->batch_options();
  batch.directory = "/somewhere";
  EXPECT_TRUE(batch.validate());
  JournalOptions journal = config->journal_options();
  journal.directory = "/somewhere";
  EXPECT_TRUE(journal.validate());
}

TEST(ConfigTest, SectionsSetOptionsOfEachType) {
  Config config;
  ASSERT_TRUE(apply_toml(config,
                         "[drive]\nmetadata_ttl = \"5s\"\nallow_other = true\n[cache]\ncache_size = \"2GiB\"\n"
                         "[upload]\nuploads_parallel = 4\n[inbox]\nif_present = \"skip\"\nsettle = 3\n",
                         "c.toml", ""));
  EXPECT_EQ(config.metadata_ttl, Millis(5000));
  EXPECT_TRUE(config.allow_other);
  EXPECT_EQ(config.cache_size, 2ull << 30);
  EXPECT_EQ(config.uploads_parallel, 4);
  EXPECT_EQ(config.batch_options().if_present, IfPresent::skip);
  EXPECT_EQ(config.settle, Millis(3000));
}

TEST(ConfigTest, LettersBeyondAsciiStandInStringsAndCommentsOnly) {
  Config config;
  EXPECT_TRUE(apply_toml(config, "# käse\n[drive]\ninbox_name = \"käse\" # ñ\n[inbox]\ndestination = 'é/{path}'\n", "f", ""));
  EXPECT_EQ(config.inbox_name, "käse");
  EXPECT_TRUE(apply_toml(config, "\xEF\xBB\xBF[inbox]\ndestination = \"\"\"\nä\\\"{path}\"\"\"\n", "f", ""));
  for (const char* bare : {"[[\xEF\xBB\x80\x03 e]v", "[drive]\ninbox_name = é", "é = 1", "[drive]\n'x' é"}) {
    const Status refused = apply_toml(config, bare, "f", "");
    ASSERT_FALSE(refused) << bare;
    EXPECT_EQ(refused.error().code, Code::invalid);
    EXPECT_EQ(refused.error().message.find("f:"), 0u) << refused.error().message;
  }
}

TEST(ConfigTest, AnUnknownKeyNamesItsLineAndTheNearestKey) {
  EXPECT_EQ(error_of("[cache]\n\ncache_sise = \"1GiB\"\n"),
            "c.toml:3: unknown key \"cache_sise\" in [cache]; did you mean \"cache_size\"?");
}

TEST(ConfigTest, AKeyInTheWrongSectionNamesTheRightOne) {
  EXPECT_EQ(error_of("[drive]\ncache_size = 1\n"),
            "c.toml:2: unknown key \"cache_size\" in [drive]; it belongs into [cache]");
  EXPECT_EQ(error_of("settle = 1\n"), "c.toml:1: unknown section or key \"settle\"; it belongs into [inbox]");
}

TEST(ConfigTest, AnUnknownSectionNamesItsLineAndTheNearestSection) {
  EXPECT_EQ(error_of("\n[cahce]\n"), "c.toml:2: unknown section or key \"cahce\"; did you mean \"cache\"?");
}

TEST(ConfigTest, BadValuesNameTheirLineAndWhatIsPossible) {
  const struct {
    const char* toml;
    const char* line;
    const char* says;
  } cases[] = {
      {"[cache]\ncache_size = \"much\"\n", "c.toml:2: ", "like 256MiB or 10GiB"},
      {"[cache]\ncache_size = \"1KiB\"\n", "c.toml:2: ", "at least 16MiB"},
      {"[cache]\ncache_size = true\n", "c.toml:2: ", "\"10GiB\""},
      {"[drive]\nmetadata_ttl = \"soon\"\n", "c.toml:2: ", "500ms, 2s"},
      {"[drive]\nallow_other = \"yes\"\n", "c.toml:2: ", "true or false"},
      {"[drive]\nfuse_threads = 0\n", "c.toml:2: ", "at least 1"},
      {"[drive]\nfuse_threads = \"8\"\n", "c.toml:2: ", "fuse_threads is given as 8"},
      {"[inbox]\n\n\nif_present = \"ask\"\n", "c.toml:4: ", "keep-both, skip, replace"},
      {"[store]\nendpoint = 5\n", "c.toml:2: ", "\"text\""},
      {"drive = 5\n", "c.toml:1: ", "has to be a table"},
      {"[[drives]]\nsettle = \"2s\"\n", "c.toml:1: ", "needs url"},
      {"[[drives]]\nurl = \"nonsense\"\n", "c.toml:2: ", "nonsense"},
      {"[[drives]]\nurl = \"file:///x\"\nsetle = \"2s\"\n", "c.toml:3: ", "did you mean \"settle\"?"},
      {"[drive\n", "c.toml:1: ", ""},
  };
  for (const auto& c : cases) {
    const std::string error = error_of(c.toml);
    EXPECT_EQ(error.find(c.line), 0u) << c.toml << error;
    EXPECT_THAT(error, HasSubstr(c.says)) << c.toml;
  }
}

TEST(ConfigTest, ATableOfADriveOutranksTheSectionsForThatDriveOnly) {
  const std::string toml = "[[drives]]\nurl = \"file:///music/\"\nsettle = \"9s\"\n[inbox]\nsettle = \"1s\"\n";
  const auto url = StoreUrl::parse("file:///music");
  ASSERT_TRUE(url);
  Config mine;
  ASSERT_TRUE(apply_toml(mine, toml, "c.toml", url->to_string()));
  EXPECT_EQ(mine.settle, Millis(9000));
  Config other;
  ASSERT_TRUE(apply_toml(other, toml, "c.toml", "file:///other"));
  EXPECT_EQ(other.settle, Millis(1000));
}

TEST(ConfigTest, FlagsOutrankTheEnvironmentAndThatTheFile) {
  ConfigSources sources{"/dev/null", "", {{"CRATEDRIVE_SETTLE", "5s"}, {"CRATEDRIVE_CRASH", "x"}}, {}};
  EXPECT_EQ(load_config(sources)->settle, Millis(5000));
  sources.flags["settle"] = "7s";
  EXPECT_EQ(load_config(sources)->settle, Millis(7000));
}

TEST(ConfigTest, BadEnvironmentAndFlagsAreNamed) {
  EXPECT_THAT(load_config({"/dev/null", "", {{"CRATEDRIVE_SETTLE", "x"}}, {}}).error().message,
              HasSubstr("CRATEDRIVE_SETTLE: "));
  EXPECT_THAT(load_config({"/dev/null", "", {}, {{"cache_size", "x"}}}).error().message, HasSubstr("--cache-size: "));
}

TEST(ConfigTest, AFileThatWasAskedForHasToExist) {
  EXPECT_THAT(load_config({"/nowhere/at/all.toml", "", {}, {}}).error().message, HasSubstr("/nowhere/at/all.toml"));
}

TEST(ConfigTest, ContradictionsAreNamed) {
  const auto error = [](std::map<std::string, std::string> flags) {
    const auto config = load_config({"/dev/null", "", {}, std::move(flags)});
    return config ? "" : config.error().message;
  };
  EXPECT_THAT(error({{"inbox_name", "a/b"}}), HasSubstr("inbox_name"));
  EXPECT_THAT(error({{"inbox_name", ".cratedrive"}}), HasSubstr("differ"));
  EXPECT_THAT(error({{"part_size", "64MiB"}, {"multipart_size", "64MiB"}}), HasSubstr("memory_limit"));
  EXPECT_THAT(error({{"state_dir", "relative"}}), HasSubstr("state_dir"));
  EXPECT_THAT(error({{"report_prefix", "no-slash"}}), HasSubstr("report_prefix"));
}

TEST(ConfigTest, TheEffectiveConfigurationCanBeReadAgain) {
  Config config;
  for (const auto& [name, text] : std::map<std::string, std::string>{{"destination", "a \"b\" \\ {name}"},
                                                                     {"upload_delay", "1500ms"},
                                                                     {"cache_size", "123456789"},
                                                                     {"analyze", "false"}}) {
    ASSERT_TRUE(set_option(config, *find_option(name), text)) << name;
  }
  Config again;
  const Status status = apply_toml(again, config_to_toml(config), "again", "");
  ASSERT_TRUE(status) << status.error().message;
  for (const Option& option : option_table()) {
    EXPECT_EQ(option_text(again, option), option_text(config, option)) << option.name;
  }
}

TEST(OptionTableTest, NamesAreUniqueAndEveryRowExplainsItself) {
  std::set<std::string> names;
  for (const Option& option : option_table()) {
    EXPECT_TRUE(names.insert(std::string(option.name)).second) << option.name;
    EXPECT_FALSE(option.help.empty()) << option.name;
    Config config;
    EXPECT_TRUE(set_option(config, option, option_text(config, option))) << option.name << ": its default is refused";
  }
}

TEST(OptionTableTest, TheDocumentsNameEveryOptionWithItsDefault) {
  const auto page = read_file(system_disk(), source_root() + "/docs/CONFIGURATION.md");
  ASSERT_TRUE(page) << page.error().message;
  const Config defaults;
  for (const Option& option : option_table()) {
    const std::string text = option_text(defaults, option);
    const std::string row = "| `" + std::string(option.name) + "` | " + (text.empty() ? "" : "`" + text + "` ") + "|";
    EXPECT_THAT(*page, HasSubstr(row));
    EXPECT_THAT(*page, HasSubstr(std::string(option.help))) << option.name;
  }
}

TEST(OptionTableTest, NoNeighbourIsOfferedForSomethingElseAltogether) {
  EXPECT_EQ(nearest("zzzzzzzzzzzz", option_names()), "");
  EXPECT_EQ(nearest("metadata_tll", option_names()), "metadata_ttl");
}

}  // namespace
}  // namespace cd
