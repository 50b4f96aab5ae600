"""The addresses of second factors below /api/v1/."""

from django.urls import path

from config.second_factor import api

urlpatterns = [
    path("second-factors", api.SecondFactorList.as_view()),
    path("second-factors/<str:username>", api.SecondFactorReset.as_view()),
]
