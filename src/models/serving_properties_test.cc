#include "models/serving_properties.h"

#include <gtest/gtest.h>

namespace mlnode::models {
namespace {

std::string Judge(std::string_view text) {
  const Status status = CheckServingProperties(text);
  return status ? "accepted" : status.error().message;
}

TEST(ServingPropertiesTest, OrdinaryValuesAreAccepted) {
  EXPECT_EQ(Judge("# c\n! c\nengine=OnnxRuntime\noption.modelName: model.onnx\nbatch "
                  "8\n\nversion=1.2.3\nmapLocation=true\nurl=a.b/c.d"),
            "accepted");
  EXPECT_EQ(Judge("translatorFactory=ai.djl.huggingface.translator.TextEmbeddingTranslatorFactory"), "accepted");
  EXPECT_EQ(Judge("application=com.acme.Any"), "accepted");
  EXPECT_EQ(Judge("translator="), "accepted");
}

TEST(ServingPropertiesTest, ForeignClassesAreRefusedHoweverWritten) {
  const std::string refused =
      "serving.properties key 'translator' references a non-DJL class 'com.acme.T', which is not allowed";
  EXPECT_EQ(Judge("translator=com.acme.T"), refused);
  EXPECT_EQ(Judge("  translator  :  com.acme.T  "), refused);
  EXPECT_EQ(Judge("translator com.acme.T"), refused);
  EXPECT_EQ(Judge("translator=com.\\\n   acme.T"), refused);
  EXPECT_EQ(Judge("translator=com.\\\r\n   acme.T\r\n"), refused);
  EXPECT_EQ(Judge("translator=com.\\\r   acme.T"), refused);
  EXPECT_EQ(Judge("translator=com.\\u0061cme.T"), refused);
  EXPECT_EQ(Judge("tr\\u0061nslator=com.acme.T"), refused);
  EXPECT_EQ(Judge("x=1\r\ntranslator=com.acme.T\r\n"), refused);
  EXPECT_NE(Judge("BlockFactory=evil"), "accepted");
  EXPECT_NE(Judge("anything=com.acme.loader"), "accepted");
  EXPECT_NE(Judge("anything=acme.Loader"), "accepted");
}

TEST(ServingPropertiesTest, OddEndsAreRead) {
  for (std::string_view text : {"", "\\", "a\\", "a=\\u", "a=\\u00", "\\u0041", "=", ":", "a=\\\n", "\r\n\r"})
    EXPECT_EQ(Judge(text), "accepted") << text;
}

}  // namespace
}  // namespace mlnode::models
