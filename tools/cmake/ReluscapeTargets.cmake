# One library per unit of tests/arch/include_direction_test.py, one test program per *_test.cc.

add_library(reluscape_options INTERFACE)
target_include_directories(reluscape_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
# For C++ alone: nvcc does not know these options.
set(reluscape_warnings -Wall -Wextra -Wshadow -Wnon-virtual-dtor)
if(RELUSCAPE_WARNINGS_AS_ERRORS)
  list(APPEND reluscape_warnings -Werror)
endif()
target_compile_options(reluscape_options
                       INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${reluscape_warnings}>")
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(reluscape_options
                         INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wthread-safety>)
endif()

# reluscape_library(NAME SOURCES a.cc ... [PUBLIC libs] [PRIVATE libs] [OPTIMIZE level])
# OPTIMIZE of a Release instead of -O3: -O1 for what runs once per command.
function(reluscape_library name)
  cmake_parse_arguments(ARG "" "OPTIMIZE" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC reluscape_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  if(ARG_OPTIMIZE)
    target_compile_options(
      ${name} PRIVATE "$<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:${ARG_OPTIMIZE}>")
  endif()
  # What is generated lies in another place in every tree, and the commit's file changes with every
  # commit: in a unit they would have their neighbours compiled again.
  foreach(source IN LISTS ARG_SOURCES)
    cmake_path(IS_PREFIX CMAKE_BINARY_DIR ${source} generated)
    set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ${generated})
  endforeach()
  set_target_properties(${name} PROPERTIES
                        UNITY_BUILD ${RELUSCAPE_UNITY} UNITY_BUILD_BATCH_SIZE 12)
endfunction()

# reluscape_runs_once(FILE): what reads the command line. CLI11 is so much code that -O1 saves seconds.
function(reluscape_runs_once file)
  set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:-O1>")
endfunction()

# reluscape_test(FILE_WITHOUT_CC LABEL label [DEPS libs] [TIMEOUT seconds])
# Labels: fast (no LibTorch), torch, fault, e2e, web. TIMEOUT for what is slow by itself; the others
# have the limit of the run (tools/test, CMakePresets.json), which is longer under a sanitizer.
function(reluscape_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "DEPS" ${ARGN})
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "_" prefix ${folder})
  set(target ${prefix}_${name})
  add_executable(${target} ${name}.cc)
  target_link_libraries(${target} PRIVATE reluscape_options ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  # What is tested is optimised in full; of the test itself only the time to compile it counts.
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${folder}/${name} COMMAND ${target})
  # A folder of this tree, so that tests of another one that run beside them do not meet them there.
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/tests/tmp)
  set_tests_properties(${folder}/${name} PROPERTIES
                       LABELS ${ARG_LABEL} ENVIRONMENT TEST_TMPDIR=${CMAKE_BINARY_DIR}/tests/tmp)
  if(ARG_TIMEOUT)
    set_tests_properties(${folder}/${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  endif()
endfunction()
