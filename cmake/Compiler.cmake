# Flags shared by every target. Warnings are errors; the CPU baseline is x86-64-v2, faster kernels are chosen at run time.
find_program(MLNODE_CCACHE ccache)
if(MLNODE_CCACHE)
  # Paths relative to the checkout, so that another clone of the same sources finds what this one compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${MLNODE_CCACHE})
endif()

add_library(mlnode_flags INTERFACE)
target_compile_options(mlnode_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Wthread-safety -Werror)
target_compile_definitions(mlnode_flags INTERFACE BOOST_ASIO_NO_DEPRECATED)

if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_compile_options(-march=x86-64-v2)
endif()
if(MLNODE_SANITIZE)
  add_compile_options(-fsanitize=${MLNODE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MLNODE_SANITIZE})
  if(MLNODE_SANITIZE MATCHES "thread")
    # Asio's fenced block uses atomic_thread_fence, which TSan cannot follow.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()
