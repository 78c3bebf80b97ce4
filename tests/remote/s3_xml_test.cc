#include "remote/s3_xml.h"

#include <gtest/gtest.h>

namespace cd {

TEST(S3XmlTest, AListingIsReadWithItsKeysDecoded) {
  const auto reply = parse_list(R"(<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
    <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t+/=</NextContinuationToken>
    <Contents><Key>a%2Fb%20c+d%2B%09.wav</Key><LastModified>2015-10-21T07:28:00.500Z</LastModified>
      <ETag>&quot;abc-2&quot;</ETag><Size>17</Size></Contents>
    <CommonPrefixes><Prefix>Dr%C3%BCms%2F</Prefix></CommonPrefixes></ListBucketResult>)");
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_EQ(reply->objects.size(), 1u);
  EXPECT_EQ(reply->objects[0].key, "a/b c d+\t.wav");
  EXPECT_EQ(reply->objects[0].size, 17u);
  EXPECT_EQ(reply->objects[0].etag, "abc-2");
  EXPECT_EQ(reply->objects[0].modified_ns, 1'445'412'480'500'000'000);
  EXPECT_EQ(reply->folders, std::vector<std::string>{"Drüms/"});
  EXPECT_EQ(reply->next_token, "t+/=");
}

TEST(S3XmlTest, WhatIsNoListingIsAnErrorAndNeverAnEmptyOne) {
  for (const char* xml :
       {"", "   ", "<html>sign in to the network</html>", "<ListBucketResult><Contents>", "<Error><Code>x</Code></Error>",
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>99999999999999999999999</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%zz</Key><Size>1</Size></Contents>"
        "</ListBucketResult>"}) {
    const auto reply = parse_list(xml);
    ASSERT_FALSE(reply) << xml;
    EXPECT_EQ(reply.error().code, Code::io) << xml;
  }
}

TEST(S3XmlTest, HostileDocumentsAreRefused) {
  EXPECT_FALSE(parse_list(std::string(kXmlBytesMax + 1, ' ')));
  std::string many = "<ListBucketResult>";
  for (int i = 0; i < 3000; ++i) many += "<Contents><Key>k</Key><Size>1</Size></Contents>";
  EXPECT_FALSE(parse_list(many + "</ListBucketResult>"));
  // Entities are not expanded, so a billion laughs stay one line.
  const auto laughs = parse_error_document(
      "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><Error><Code>&b;</Code></Error>");
  EXPECT_LE(laughs.value_or(S3ErrorDocument{}).code.size(), 3u);
}

TEST(S3XmlTest, AnErrorDocumentMayFollowWhiteSpace) {
  const auto error = parse_error_document(
      "\n \n<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>again &amp; again</Message></Error>");
  // A declaration after blanks is no well-formed XML, and servers send it all the same.
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "InternalError");
  EXPECT_EQ(error->message, "again & again");
  EXPECT_FALSE(parse_error_document("<CopyObjectResult><ETag>x</ETag></CopyObjectResult>"));
}

TEST(S3XmlTest, EtagsComeFromEachKindOfResult) {
  EXPECT_EQ(*parse_etag("  <CopyObjectResult><ETag>&quot;e1&quot;</ETag></CopyObjectResult>"), "e1");
  EXPECT_EQ(*parse_etag("<CopyPartResult><ETag>\"e2\"</ETag></CopyPartResult>"), "e2");
  EXPECT_EQ(*parse_etag("<CompleteMultipartUploadResult><ETag>e3-2</ETag></CompleteMultipartUploadResult>"), "e3-2");
  EXPECT_EQ(*parse_etag("<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>"), "");
  EXPECT_FALSE(parse_etag("<Other/>"));
}

TEST(S3XmlTest, ACompleteDocumentCannotBeInjectedInto) {
  EXPECT_EQ(complete_document({{1, "a\"</ETag><x>", 5}}),
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part><PartNumber>1"
            "</PartNumber><ETag>\"a/ETagx\"</ETag></Part></CompleteMultipartUpload>");
}

}  // namespace cd
