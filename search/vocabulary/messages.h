#pragma once

// Small things that protobuf's generated classes lack. Thread-safe.

#include <google/protobuf/generated_enum_reflection.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/message_differencer.h>

#include <concepts>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"

namespace reluscape {

// A repeated field's values.
template <typename List>
std::vector<typename List::value_type> ListOf(const List& list) {
  return {list.begin(), list.end()};
}

// Replaces a repeated field's values: SetList(budgets.mutable_relus(), {1000, 500}).
template <typename List, typename Values>
void SetList(List* list, const Values& values) {
  list->Clear();
  list->Add(values.begin(), values.end());
}
template <typename List>
void SetList(List* list, std::initializer_list<typename List::value_type> values) {
  list->Clear();
  list->Add(values.begin(), values.end());
}

// An enum's value as JSON, messages and tables write it: "one_cycle".
template <typename Enum>
std::string NameOf(Enum value) {
  const auto* found = google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(value);
  return found == nullptr ? "" : absl::AsciiStrToLower(found->name());
}

namespace v1 {

// Whether both say the same: absent and default are two things where a field has presence.
template <std::derived_from<google::protobuf::Message> Message>
bool operator==(const Message& a, const Message& b) {
  return google::protobuf::util::MessageDifferencer::Equals(a, b);
}

}  // namespace v1
}  // namespace reluscape
