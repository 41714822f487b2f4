// core/unique_function.h: a move-only std::function, so that tasks may own what they capture.
// Threads: as the wrapped callable. Cost: one allocation per wrap. Replaced by std::move_only_function once the library
// has it.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace mlnode {

template <class Signature>
class UniqueFunction;

template <class R, class... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() = default;
  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, UniqueFunction> && std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
  UniqueFunction(F&& f)  // implicit on purpose: lambdas are passed where a UniqueFunction is taken
      : callable_(std::make_unique<Holder<std::decay_t<F>>>(std::forward<F>(f))) {}

  explicit operator bool() const { return callable_ != nullptr; }
  R operator()(Args... args) { return callable_->Call(std::forward<Args>(args)...); }

 private:
  struct Callable {
    Callable() = default;
    Callable(const Callable&) = delete;
    Callable& operator=(const Callable&) = delete;
    virtual ~Callable() = default;
    virtual R Call(Args... args) = 0;
  };
  template <class F>
  struct Holder final : Callable {
    explicit Holder(F&& f) : held(std::move(f)) {}
    explicit Holder(const F& f) : held(f) {}
    R Call(Args... args) override { return held(std::forward<Args>(args)...); }
    F held;
  };
  std::unique_ptr<Callable> callable_;
};

}  // namespace mlnode
