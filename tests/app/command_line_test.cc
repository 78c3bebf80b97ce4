#include "app/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cd {
namespace {

using testing::HasSubstr;

template <class T>
T parse(const std::vector<std::string>& arguments) {
  const ParsedLine parsed = parse_command_line(arguments);
  EXPECT_TRUE(parsed.run) << parsed.text;
  const T* command = std::get_if<T>(&parsed.line.command);
  EXPECT_NE(command, nullptr);
  return command == nullptr ? T{} : *command;
}

TEST(CommandLineTest, MountTakesUrlFolderAndEveryOption) {
  const ParsedLine parsed =
      parse_command_line({"mount", "file:///b", "/mnt", "-f", "--metadata-ttl", "0", "--allow-other", "--settle=1s"});
  ASSERT_TRUE(parsed.run) << parsed.text;
  const auto& mount = std::get<MountArguments>(parsed.line.command);
  EXPECT_EQ(mount.url, "file:///b");
  EXPECT_EQ(mount.directory, "/mnt");
  EXPECT_TRUE(mount.foreground);
  EXPECT_EQ(parsed.line.options.at("metadata_ttl"), "0");
  EXPECT_EQ(parsed.line.options.at("settle"), "1s");
  EXPECT_EQ(parsed.line.options.at("allow_other"), "true");
}

TEST(CommandLineTest, ATruthOptionCanBeSwitchedOff) {
  const ParsedLine parsed = parse_command_line({"mount", "file:///b", "/mnt", "--analyze=false"});
  ASSERT_TRUE(parsed.run) << parsed.text;
  EXPECT_EQ(parsed.line.options.at("analyze"), "false");
}

TEST(CommandLineTest, TheOtherCommandsTakeWhatTheirHelpSays) {
  EXPECT_TRUE(parse<UmountArguments>({"umount", "/mnt", "--now"}).now);
  EXPECT_TRUE(parse<StatusArguments>({"status", "--watch"}).watch);
  EXPECT_EQ(parse<StatusArguments>({"status", "/mnt", "--json"}).directory, "/mnt");
  EXPECT_TRUE(parse<CheckArguments>({"check", "s3://b", "--json"}).json);
  EXPECT_EQ(parse<AnalyzeArguments>({"analyze", "a.wav", "b.wav"}).files.size(), 2u);
  EXPECT_EQ(parse<UrlArguments>({"url", "/mnt/a"}).expires, Millis(3'600'000));
  EXPECT_EQ(parse<UrlArguments>({"url", "/mnt/a", "--expires", "10min"}).expires, Millis(600'000));
  const auto retry = parse<ControlArguments>({"retry", "/mnt", "20260131-kicks", "a/b.wav"});
  EXPECT_EQ(retry.verb, "retry");
  EXPECT_EQ(retry.batch, "20260131-kicks");
  EXPECT_EQ(retry.path, "a/b.wav");
  EXPECT_EQ(parse<ControlArguments>({"sync", "/mnt"}).verb, "sync");
  EXPECT_EQ(parse<ControlArguments>({"drop-cache", "/mnt"}).verb, "drop-cache");
  parse<ConfigArguments>({"config"});
}

TEST(CommandLineTest, MistakesAreUsageErrors) {
  const std::vector<std::vector<std::string>> mistakes{
      {"mount"}, {"mount", "file:///b"}, {"mount", "file:///b", "/mnt", "--nonsense"}, {"cancel", "/mnt"},
      {"status", "--watch", "--json"}, {"url", "/a", "--expires", "9 days"}, {}, {"analyze"}};
  for (const auto& arguments : mistakes) {
    const ParsedLine parsed = parse_command_line(arguments);
    EXPECT_FALSE(parsed.run);
    EXPECT_EQ(parsed.code, ExitCode::usage);
    EXPECT_FALSE(parsed.text.empty());
  }
}

TEST(CommandLineTest, AnUnknownCommandNamesTheNearest) {
  EXPECT_THAT(parse_command_line({"unmount", "/mnt"}).text, HasSubstr("did you mean \"umount\"?"));
}

TEST(CommandLineTest, HelpAndVersionEndWell) {
  for (const char* flag : {"--help", "-h"}) {
    const ParsedLine parsed = parse_command_line({flag});
    EXPECT_EQ(parsed.code, ExitCode::ok);
    EXPECT_THAT(parsed.text, HasSubstr("mount"));
  }
  EXPECT_THAT(parse_command_line({"--version"}).text, HasSubstr(CD_VERSION));
  const ParsedLine mount = parse_command_line({"mount", "--help"});
  EXPECT_EQ(mount.code, ExitCode::ok);
  EXPECT_THAT(mount.text, HasSubstr("--metadata-ttl"));
  EXPECT_THAT(mount.text, HasSubstr("keep-both, skip, replace"));
}

}  // namespace
}  // namespace cd
