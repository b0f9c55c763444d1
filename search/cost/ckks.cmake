# The CKKS cost model: its sources, the presets that the program carries, and its tests.
set(ckks_presets mpcnn_cpu orion_cpu heaan_gpu heaan_cpu)
set(RELUSCAPE_CKKS "")
foreach(name ${ckks_presets})
  file(READ ${CMAKE_CURRENT_SOURCE_DIR}/data/ckks/${name}.json text)
  string(APPEND RELUSCAPE_CKKS "      R\"data(${text})data\",\n")
endforeach()
list(TRANSFORM ckks_presets PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/data/ckks/)
list(TRANSFORM ckks_presets APPEND .json)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ckks_presets})
configure_file(ckks_data.cc.in ${CMAKE_BINARY_DIR}/generated/search/cost/ckks_data.cc @ONLY)

target_sources(reluscape_search_cost PRIVATE
  ckks.cc ckks_activation.cc ckks_levels.cc ckks_linear.cc ckks_model.cc ckks_multiplexed.cc
  ckks_preset.cc ckks_program.cc ckks_seconds.cc ckks_single_shot.cc
  ${CMAKE_BINARY_DIR}/generated/search/cost/ckks_data.cc)

foreach(name ckks ckks_activation ckks_invariants ckks_levels ckks_model ckks_packing ckks_program)
  reluscape_test(${name}_test LABEL fast DEPS reluscape_search_cost)
endforeach()
reluscape_test(ckks_preset_test LABEL fast DEPS reluscape_search_cost nlohmann_json::nlohmann_json)
