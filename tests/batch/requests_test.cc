// What a batch costs, counted: requests, and how often its files are looked at.
#include "batch/mailbox.h"
#include "tests/batch/drop_rig.h"

namespace cd::testing {
namespace {

TEST(BatchRequestsTest, ABatchIsOnePutAFileAndOneForItsReport) {
  constexpr unsigned kFiles = 24;
  TempFolder folder;
  MemoryStore bucket;
  FlakyStore counted(bucket);
  DropRig rig(counted, {.directory = folder.path(), .change = {}});
  for (unsigned n = 0; n < kFiles; ++n)
    rig.drop("kit/folder " + std::to_string(n % 3) + "/" + std::to_string(n) + ".wav", make_wav(0.05, n));
  const BatchProgress done = rig.wait_final();
  EXPECT_EQ(done.files_done, kFiles);
  EXPECT_LE(counted.calls({Verb::put, ""}), kFiles + 1);
  EXPECT_GE(counted.calls({Verb::put, ""}), kFiles);
  EXPECT_EQ(counted.calls({Verb::head, ""}), 0u);
  EXPECT_EQ(counted.calls({Verb::get, ""}), 0u);
  EXPECT_LE(counted.calls({Verb::list, ""}), 2u) << "the library, once: what does it hold already?";
}

TEST(MailboxTest, WhatChangedWhileTheInboxWaitedIsThereAsSoonAsItWakes) {
  Mailbox mailbox;
  EXPECT_FALSE(mailbox.take(Millis(0), Mailbox::Inbox::waits).inbox_changed);
  mailbox.inbox_changed();
  EXPECT_TRUE(mailbox.take(Millis(60'000)).inbox_changed);  // else this takes a minute
  EXPECT_FALSE(mailbox.take(Millis(0)).inbox_changed);
}

TEST(MailboxTest, OtherMailWakesWhileTheInboxWaitsAndBringsItsNewsAlong) {
  Mailbox mailbox;
  EXPECT_FALSE(mailbox.take(Millis(0), Mailbox::Inbox::waits).inbox_changed);
  mailbox.inbox_changed();
  mailbox.library_loaded({});
  const Mail mail = mailbox.take(Millis(60'000), Mailbox::Inbox::waits);
  EXPECT_TRUE(mail.inbox_changed);
  EXPECT_EQ(mail.library.size(), 1u);
}

}  // namespace
}  // namespace cd::testing
