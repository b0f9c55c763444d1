# Finds LibTorch: an explicit Torch_DIR or CMAKE_PREFIX_PATH wins, then the wheel that
# tools/install puts into .deps. Says in one sentence what is wrong with what it finds.

if(NOT Torch_DIR AND NOT CMAKE_PREFIX_PATH AND NOT DEFINED ENV{Torch_DIR}
   AND NOT DEFINED ENV{CMAKE_PREFIX_PATH})
  file(GLOB wheel ${CMAKE_SOURCE_DIR}/.deps/venv/lib/python3*/site-packages/torch/share/cmake)
  list(APPEND CMAKE_PREFIX_PATH ${wheel})
endif()

include(${CMAKE_CURRENT_LIST_DIR}/ReluscapeCuda.cmake)
find_package(Torch QUIET)
if(NOT Torch_FOUND)
  message(FATAL_ERROR
    "LibTorch was not found: run tools/install, or set Torch_DIR or CMAKE_PREFIX_PATH to a LibTorch "
    "2.7 or newer, or configure with -DRELUSCAPE_WITH_TORCH=OFF to build everything but the worker.")
endif()
if(Torch_VERSION VERSION_LESS 2.7)
  message(FATAL_ERROR
    "LibTorch ${Torch_VERSION} in ${Torch_DIR} is too old: Reluscape needs 2.7 or newer.")
endif()
if(TORCH_CXX_FLAGS MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
  message(FATAL_ERROR
    "The LibTorch in ${Torch_DIR} was built with the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0), which "
    "cannot be linked with the system's gRPC: take a wheel or archive of 2.7 or newer.")
endif()
message(STATUS "LibTorch ${Torch_VERSION}: ${Torch_DIR}")

# What links LibTorch links this. LibTorch's include folder carries protobuf headers of another
# version, under which no generated message compiles: a folder with a link to the right ones alone
# comes before it, so that a file may include both. Whatever else is in the folder of the right
# ones stays behind LibTorch's own.
find_path(RELUSCAPE_PROTOBUF_HEADERS google/protobuf/message.h PATHS ${Protobuf_INCLUDE_DIRS}
          NO_DEFAULT_PATH REQUIRED)
set(protobuf_first ${CMAKE_BINARY_DIR}/protobuf_before_torch)
file(MAKE_DIRECTORY ${protobuf_first})
file(CREATE_LINK ${RELUSCAPE_PROTOBUF_HEADERS}/google ${protobuf_first}/google SYMBOLIC)
add_library(reluscape_torch INTERFACE)
target_include_directories(reluscape_torch SYSTEM INTERFACE ${protobuf_first})
target_link_libraries(reluscape_torch INTERFACE ${TORCH_LIBRARIES})
if(TARGET torch_cuda)
  # What LibTorch itself needs of cuBLAS, cuDNN and others need not lie where this is built.
  target_link_options(reluscape_torch INTERFACE -Wl,--allow-shlib-undefined)
endif()

# Installs a program that links LibTorch. CMAKE_INSTALL_RPATH_USE_LINK_PATH leaves out what lies
# inside the source tree, as .deps does.
function(reluscape_install_with_torch program)
  set_target_properties(${program} PROPERTIES INSTALL_RPATH ${TORCH_INSTALL_PREFIX}/lib)
  install(TARGETS ${program})
endfunction()

# A Python with the same LibTorch, for tests that compare with it: there where the wheel was
# installed, not with a LibTorch of one's own.
find_program(venv_python python3 PATHS ${CMAKE_SOURCE_DIR}/.deps/venv/bin NO_DEFAULT_PATH NO_CACHE)
set(RELUSCAPE_TORCH_PYTHON)
if(venv_python)
  execute_process(
    COMMAND ${venv_python} -c
            "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"
    RESULT_VARIABLE without_torch)
  if(without_torch EQUAL 0)
    set(RELUSCAPE_TORCH_PYTHON ${venv_python})
  endif()
endif()
